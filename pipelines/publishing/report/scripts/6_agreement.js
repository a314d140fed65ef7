// Agreement of annotators: coefficients by job, and who agrees with whom.

const coefficient = (row, name, hasInterval) =>
  row.isSum
    ? measure(null, "period", {})
    : measure(row[name], row[`${name}_reason`], hasInterval ? { n: row.unit_count, low: row[`${name}_low`], high: row[`${name}_high`] } : { n: row.unit_count });

/** Rows of agreement: of all time, of one week, or summed over weeks with the share alone. */
const agreementRows = () => {
  const rows = DATA.agreement.filter((row) => inProject(row) && inJob(row));
  if (!isPeriod()) return rows.filter((row) => row.week === null);
  const weeks = rows.filter((row) => row.week !== null && inPeriod(row.week));
  if (isOneWeek()) return weeks;
  return united(weeks, ["project", "job"], ["unit_count", "rating_count"], { agreement_share: "unit_count" })
    .map((row) => ({ ...row, isSum: true }));
};

const agreed = (row) =>
  row.unit_count
    ? measure(row.agreement_share, row.agreement_share_reason, { n: row.unit_count, ...wilson(row.agreement_share, row.unit_count) })
    : measure(null, row.agreement_share_reason ?? "no_unit_with_two_ratings", { n: 0 });

const asCoefficient = (title, name, hasInterval, help) => ({
  title, number: true, help, cell: (row) => coefficient(row, name, hasInterval), show: (cell) => shown(cell, decimals(3), [-1, 1], 0),
});

const agreementTable = (rows) =>
  sortable("agreement-jobs", "Agreement by job", [
    { title: "Job", cell: (row) => row.job },
    ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
    counted("Assets", (row) => row.unit_count, "Assets that two annotators or more rated in the job"),
    asShare("Agreed", agreed, "Share of pairs of ratings that are equal"),
    asCoefficient("Alpha", "alpha", true, "Krippendorff's alpha: 1 is full agreement, 0 is chance"),
    asCoefficient("Fleiss kappa", "fleiss_kappa", false),
    asCoefficient("AC1", "ac1", true, "Gwet's AC1, which is steadier where one category is frequent"),
  ], rows);

const MATRIX_KINDS = {
  mean_score: { title: "Mean score", n: "scored_count", reason: "score_reason", format: roughly },
  agreement_share: { title: "Equal ratings", n: "rating_count", reason: "agreement_share_reason", format: roughly },
  cohen_kappa: { title: "Cohen's kappa", n: "rating_count", reason: "kappa_reason", format: decimals(2) },
};
const MOST_PEOPLE = 30;
let matrixKind = "mean_score";

const matrixOf = (rows, title) => {
  const kind = MATRIX_KINDS[matrixKind];
  const counts = new Map(chosen.person ? [[chosen.person, Infinity]] : []);
  for (const row of rows) for (const who of [row.person, row.other]) counts.set(who, (counts.get(who) ?? 0) + row.scored_count);
  const people = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_PEOPLE).map(([person]) => person).sort((a, b) => (personName(a) < personName(b) ? -1 : 1));
  const cells = new Map(rows.flatMap((row) => [[`${row.person} ${row.other}`, row], [`${row.other} ${row.person}`, row]]));
  const cellOf = (mine, theirs) => {
    if (mine === theirs) return h("td.diagonal", null, "");
    const row = cells.get(`${mine} ${theirs}`);
    const cell = row ? measure(row[matrixKind], row[kind.reason], { n: row[kind.n] }) : measure(null, "they share no asset", { n: 0 });
    if (cell.value === null) return h("td.empty", null, undefinedValue(cell.reason));
    const about = `${personName(mine)} and ${personName(theirs)}: ${kind.format(cell.value)}, n = ${cell.n}`;
    return heat(h(cell.n < SMALL ? "td.pale" : "td", { title: about }, kind.format(cell.value)), Math.max(0, cell.value) ** 2);
  };
  return h("figure", null,
    h("figcaption", null, "Who agrees with whom", h("small", null, title)),
    h("div.choices", { role: "group", "aria-label": "Measure of the matrix" }, Object.entries(MATRIX_KINDS).map(([name, each]) =>
      h("button", { type: "button", "aria-pressed": String(name === matrixKind), onclick: () => { matrixKind = name; agreement(); byId("agreement-body").querySelector("[aria-pressed=true]")?.focus(); } }, each.title))),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Agreement of pairs of annotators" },
      h("table.matrix.people", { id: "matrix" },
        h("caption.hidden", null, `${kind.title} of pairs of annotators, ${title}`),
        h("thead", null, h("tr", null, h("td", null, ""), people.map((person) => h("th", { scope: "col" }, personName(person))))),
        h("tbody", null, people.filter((mine) => !chosen.person || mine === chosen.person).map((mine) => h("tr", null, h("th", { scope: "row" }, personName(mine)), people.map((theirs) => cellOf(mine, theirs))))))),
    counts.size > MOST_PEOPLE ? note(`The ${MOST_PEOPLE} of ${counts.size} annotators with the most common assets.`) : null);
};

/** Pairs of one project, and of the chosen job or of whole labels. Without a project, the one with the most pairs. */
const matrix = () => {
  const all = DATA.agreement_pairs.filter((row) => inProject(row) && row.job === chosen.job);
  const isOfPerson = (row) => !chosen.person || row.person === chosen.person || row.other === chosen.person;
  const [most] = united(all.filter(isOfPerson), ["project"], ["scored_count"]).sort((a, b) => b.scored_count - a.scored_count);
  if (!most) return note("No two annotators labelled the same asset for consensus in this selection.");
  if (isPeriod()) return h("p.note", null, "Who agrees with whom: ", undefinedValue(REASONS.period), ` ${REASONS.period}.`);
  const rows = all.filter((row) => row.project === most.project);
  return matrixOf(rows, `${chosen.job || "whole labels"}${DATA.projects.length > 1 ? `, ${projectName(most.project)}` : ""}`);
};

const agreement = () => {
  const rows = agreementRows();
  fill("agreement-body",
    onlyFor(["person"]) && note("The coefficients are of all annotators; the matrix shows the pairs of the chosen person."),
    rows.length ? agreementTable(rows) : note("No classification job was rated by two annotators in this selection."),
    matrix());
};
