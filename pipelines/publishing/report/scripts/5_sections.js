// The sections of the page, each filled from the chosen rows.

const fill = (id, ...content) => byId(id).replaceChildren(...content.flat().filter(Boolean));
const onlyFor = (names) => {
  const active = names.filter((name) => (name === "period" ? isPeriod() : chosen[name]));
  return active.length ? note(`Not narrowed by the chosen ${active.join(" and ")}: the warehouse has no such numbers.`) : null;
};

const CHART_WEEKS = 26;
const CHARTS_NOTE = `Charts show the newest ${CHART_WEEKS} weeks; choose weeks to see others.`;

/** The rows that charts show: where labels spread over more than a year, those of the newest half year. */
const newest = (rows) => {
  const weeks = rows.map((row) => row.week).sort();
  const weeksBefore = (n) => new Date(new Date(weeks.at(-1)) - n * 7 * 86400000).toISOString().slice(0, 10);
  if (isPeriod() || !weeks.length || weeks[0] >= weeksBefore(2 * CHART_WEEKS)) return rows;
  return rows.filter((row) => row.week > weeksBefore(CHART_WEEKS));
};

const tile = (value, label, title) => h("div.tile", { title: title ?? null }, h("b", null, value), h("span", null, label));

/** Assets in each state at the end of each day: a project keeps its last state on days without events. */
const stock = () => {
  const rows = DATA.days.filter((row) => inProject(row) && (!chosen.to || row.week <= chosen.to));
  const state = new Map();
  const days = [];
  for (const row of [...rows].sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0))) {
    state.set(row.project, row);
    const values = [...state.values()];
    const point = { day: row.day, week: row.week, ...Object.fromEntries(STATES.map((name) => [name, total(values, `${name}_count`)])) };
    if (days.at(-1)?.day === row.day) days.pop();
    days.push(point);
  }
  return days;
};

const weeksOfDays = () =>
  united(DATA.days.filter((row) => inProject(row) && inPeriod(row.week)), ["week"], ["default_count", "review_count", "machine_count", "sent_back_count"])
    .sort((a, b) => (a.week < b.week ? -1 : 1));

const progress = () => {
  const days = stock();
  const weeks = weeksOfDays();
  const last = days.at(-1);
  const drawn = newest(days.filter((row) => inPeriod(row.week)));
  fill("progress-body",
    onlyFor(["person", "job"]),
    h("div.tiles", null,
      STATES.map((state) => tile(count(last?.[state] ?? 0), `assets ${state}`)),
      tile(count(total(weeks, "default_count")), "labels made"),
      tile(count(total(weeks, "review_count")), "reviews made"),
      tile(count(total(weeks, "machine_count")), "model labels")),
    h("div.charts", null,
      h("figure", null, h("figcaption", null, "Assets by state"), stockChart(drawn.flatMap((row) => STATES.map((state, place) => ({ day: row.day, state, place, asset_count: row[state] }))))),
      h("figure", null, h("figcaption", null, "Labels and reviews made"), flowChart(newest(weeks).flatMap((row) => [
        { week: row.week, kind: "labels", label_count: row.default_count }, { week: row.week, kind: "reviews", label_count: row.review_count }])))),
    newest(weeks) === weeks ? null : note(CHARTS_NOTE),
    details("Numbers by week", sortable("progress-weeks", "Progress by week", [
      { title: "Week of", cell: (row) => row.week, show: day },
      counted("Labels", (row) => row.default_count), counted("Reviews", (row) => row.review_count),
      counted("Sent back", (row) => flagged(row, "sent_back_count"), "Labels made in the week and sent back at some time"),
      counted("Model labels", (row) => row.machine_count),
    ], weeks, 0, true)));
};

const byWeek = (rows) =>
  WEEKS.filter(inPeriod).map((week) => ({ week, rows: rows.filter((row) => row.week === week) })).filter((group) => group.rows.length);
const sums = (rows) => ({
  accepted: shareOf(total(rows, "accepted_count"), total(rows, "reviewed_count"), "nothing_reviewed"),
  passed: shareOf(total(rows, "passed_count"), total(rows, "judged_count"), "nothing_reviewed"),
  score: scoreWithInterval(rows),
});

const quality = () => {
  const everyone = DATA.annotator_weeks.filter((row) => inProject(row) && inPeriod(row.week));
  const weeks = byWeek(everyone.filter(ofPerson)).map(({ week, rows }) => ({ week, ...sums(rows) }));
  const others = chosen.person ? byWeek(everyone).map(({ week, rows }) => ({ week, ...sums(rows) })) : [];
  const series = (name, from) => newest(from).map((row) => ({ week: row.week, ...row[name] }));
  const figure = (title, name, help) => h("figure", null, h("figcaption", null, title, h("small", null, help)), weekly(title, series(name, weeks), name === "score" ? ".2f" : "%", series(name, others)));
  fill("quality-body",
    onlyFor(["job"]),
    weeks.length
      ? [h("div.charts.three", null,
          figure("Accepted", "accepted", "labels that review left unchanged"),
          figure("First pass", "passed", "first attempts that passed review"),
          figure("Review score", "score", "how much of a label review kept")),
        note(`Bands are 95 % intervals; points are pale where n is below ${SMALL}.${chosen.person ? " Dashed: all annotators." : ""}${newest(weeks) === weeks ? "" : ` ${CHARTS_NOTE}`}`),
        details("Numbers by week", sortable("quality-weeks", "Quality by week", [
          { title: "Week of", cell: (row) => row.week, show: day },
          counted("Reviewed", (row) => row.accepted.n), asShare("Accepted", (row) => row.accepted),
          counted("First attempts", (row) => row.passed.n), asShare("First pass", (row) => row.passed),
          counted("Scored", (row) => row.score.n), asScore("Review score", (row) => row.score),
        ], weeks, 0, true))]
      : note("No labels of annotators in this selection."));
};

/** Whether the page holds the edits of the chosen weeks: of a large warehouse it holds the newest weeks one by one. */
const hasEdits = () => !isPeriod() || REPORT.first_edit_week === null || chosen.from >= REPORT.first_edit_week;
const chosenEdits = () =>
  hasEdits() ? DATA.edits.filter((row) => inProject(row) && ofPerson(row) && inJob(row) && inPeriod(row.week)) : [];
const noEdits = () => {
  if (!hasEdits()) return note(`The page holds edits by week from ${day(REPORT.first_edit_week)}.`);
  return note(DATA.edits.length ? "No reviewed annotation in this selection." : "No REVIEW label meets a DEFAULT label in these exports.");
};

/** Pairs of categories by project and job, most pairs first. */
const confusions = (edits) => {
  const isPair = ({ edit, annotator_category: a, reviewer_category: r }) =>
    (edit === "added" && r !== null) || (edit === "removed" && a !== null) || (a !== null && r !== null);
  const pairs = united(edits.filter(isPair), ["project", "job", "annotator_category", "reviewer_category"], ["edit_count"]);
  const jobs = new Map();
  for (const pair of pairs) {
    const key = `${pair.project}\u0000${pair.job}`;
    jobs.set(key, [...(jobs.get(key) ?? []), pair]);
  }
  return [...jobs.values()].map((rows) => ({ project: rows[0].project, job: rows[0].job, rows, pair_count: total(rows, "edit_count") }))
    .sort((a, b) => b.pair_count - a.pair_count || (a.job < b.job ? -1 : 1));
};

const MOST_CATEGORIES = 14;
const heat = (element, share) => {
  element.style.setProperty("--share", share.toFixed(3));
  element.classList.add("heat");
  return element;
};

const heatMap = ({ project, job, rows }, place) => {
  const size = (side) => united(rows.filter((row) => row[side] !== null), [side], ["edit_count"]).map((row) => [row[side], row.edit_count]);
  const sizes = new Map();
  for (const [name, n] of [...size("annotator_category"), ...size("reviewer_category")]) sizes.set(name, (sizes.get(name) ?? 0) + n);
  const names = [...sizes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  const kept = [...names.slice(0, MOST_CATEGORIES), null];
  const cells = new Map(rows.map((row) => [`${row.annotator_category}\u0000${row.reviewer_category}`, row.edit_count]));
  const titled = (name, none) => (name === null ? h("em", null, none) : name);
  const title = `${job}${isManyProjects() ? `, ${projectName(project)}` : ""}`;
  return h(kept.length > 5 ? "figure.full" : "figure", null,
    h("figcaption", null, title, h("small", null, `${count(total(rows, "edit_count"))} annotations`)),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": `Confusion in ${title}` },
      h("table.matrix", { id: `confusion-${place}` },
        h("caption.hidden", null, `Confusion in ${title}: the annotator's category in rows, the reviewer's in columns`),
        h("thead", null, h("tr", null, h("td.corner", null, "annotator ↓ reviewer →"), kept.map((name) => h("th", { scope: "col" }, titled(name, "removed"))))),
        h("tbody", null, kept.map((mine) => {
          const all = total(rows.filter((row) => row.annotator_category === mine), "edit_count");
          return h("tr", null, h("th", { scope: "row" }, titled(mine, "added")), kept.map((theirs) => {
            const n = cells.get(`${mine}\u0000${theirs}`);
            if (!n) return h("td.empty", null, mine === null && theirs === null ? "" : "0");
            const share = n / all;
            return heat(h(mine === theirs ? "td.same" : "td.other", { title: `${mine ?? "nothing"} became ${theirs ?? "nothing"}: ${n} of ${all}, ${percent(share)}` }, count(n)), mine === null ? 0 : share * Math.min(1, all / SMALL));
          }));
        })))),
    names.length > MOST_CATEGORIES ? note(`The ${MOST_CATEGORIES} most frequent of ${names.length} categories.`) : null);
};

const MOST_JOBS = 6;
const confusion = () => {
  const jobs = confusions(chosenEdits());
  const changed = jobs.flatMap((job) => job.rows).filter((row) => row.annotator_category !== row.reviewer_category);
  fill("confusion-body",
    jobs.length
      ? [h("div.charts.wide", null, jobs.slice(0, MOST_JOBS).map(heatMap)),
        jobs.length > MOST_JOBS ? note(`The ${MOST_JOBS} jobs with the most annotations of ${jobs.length}. Choose a job to see another.`) : null,
        details("What became what", sortable("became", "What became what", [
          ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
          { title: "Job", cell: (row) => row.job },
          { title: "Annotator", cell: (row) => row.annotator_category, none: "the reviewer added it" },
          { title: "Reviewer", cell: (row) => row.reviewer_category, none: "the reviewer removed it" },
          counted("Annotations", (row) => row.edit_count),
        ], changed, isManyProjects() ? 4 : 3, true))]
      : noEdits());
};

const edits = () => {
  const rows = united(chosenEdits(), ["project", "job", "edit"], ["edit_count"]);
  const title = (row) => `${row.job}${isManyProjects() ? `, ${projectName(row.project)}` : ""}`;
  const jobs = united(rows, ["project", "job"], ["edit_count"]).sort((a, b) => b.edit_count - a.edit_count);
  const of = (job, edit) => total(rows.filter((row) => row.project === job.project && row.job === job.job && row.edit === edit), "edit_count");
  const drawn = jobs.slice(0, 12).flatMap((job) => EDITS.map((edit, place) => ({ job: title(job), name: plainName(edit), place, edit_count: of(job, edit) })));
  fill("edits-body",
    jobs.length
      ? [h("figure", null, h("figcaption", null, "What became of the annotations"), legend(EDITS), editsChart(drawn)),
        details("Numbers by job", sortable("edits-jobs", "Edits by job", [
          ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
          { title: "Job", cell: (row) => row.job },
          counted("Annotations", (row) => row.edit_count),
          ...EDITS.map((edit) => counted(plainName(edit), (row) => of(row, edit))),
        ], jobs, isManyProjects() ? 2 : 1, true))]
      : noEdits());
};

const models = () => {
  const rows = DATA.models.filter(inProject);
  const of = (cell) => (row) => (isPeriod() ? measure(null, "period", {}) : cell(row));
  fill("models-body",
    onlyFor(["person", "job"]),
    rows.length
      ? sortable("models", "Models", [
          { title: "Model", cell: (row) => row.model || "no name" },
          ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
          { title: "Type", cell: (row) => row.label_type.toLowerCase() },
          counted("Labels", of((row) => measure(row.machine_label_count))),
          counted("Judged", of((row) => measure(row.accepted_count + row.edited_count + row.dropped_count)), "Predictions that an annotator started from"),
          asShare("Left as is", of((row) => shareOf(row.accepted_count, row.accepted_count + row.edited_count + row.dropped_count, "nothing_compared")), "Predictions that the annotator left unchanged. People accept what is put before them."),
          asShare("Upheld", of((row) => shareOf(row.upheld_count, row.reviewed_count, "nothing_reviewed")), "Of the unchanged and reviewed ones, those that the reviewer accepted too"),
          asScore("Score", of((row) => meanOf(row.mean_score, row.scored_count, row.mean_score_reason ?? "nothing_scored"))),
          { title: "Edits a label", number: true, cell: of((row) => measure(row.edits_per_label, row.edits_per_label_reason)), show: (cell) => shown(cell, decimals(2)) },
          counted("Dropped", of((row) => measure(row.dropped_count)), "Predictions whose every annotation was removed"),
        ], rows)
      : note("No labels of models in this selection. An export holds them only on request."));
};

const time = () => {
  const rows = annotatorRows().filter((row) => row.seconds_count);
  const timed = reviewerRows().filter((row) => row.seconds_count);
  const weeks = newest(DATA.annotator_weeks.filter((row) => inProject(row) && ofPerson(row) && inPeriod(row.week) && row.seconds_count && row.median_seconds !== null));
  const busiest = united(weeks, ["project", "person"], ["seconds_count"]).sort((a, b) => b.seconds_count - a.seconds_count).slice(0, 6);
  const drawn = busiest.flatMap(({ project, person }) => weeks.filter((row) => row.project === project && row.person === person)
    .map((row) => ({ week: row.week, name: `${personName(person)}${isManyProjects() ? `, ${projectName(project)}` : ""}`, median_seconds: row.median_seconds, seconds_count: row.seconds_count })));
  fill("time-body",
    onlyFor(["job"]),
    rows.length || timed.length
      ? [drawn.length ? h("figure", null, h("figcaption", null, "Median time for a label", h("small", null, "of the six who made the most labels")), timeChart(drawn)) : null,
        rows.length ? timeTable("time", "Annotator", rows) : null,
        timed.length ? details("Time of reviewers", timeTable("review-time", "Reviewer", timed)) : null]
      : note("The exports of this selection carry no time for labels: an SDK archive has none."));
};

const freshness = () => {
  const projects = DATA.projects.filter(inProject);
  const rejected = DATA.exports.filter((row) => row.is_rejected || row.rejected_count);
  fill("freshness-body",
    sortable("projects", "Projects", [
      { title: "Project", cell: (row) => row.name },
      { title: "Newest export", cell: (row) => row.as_of, show: (value) => (value ? age(value, moment(value)) : undefinedValue("the export has no date")) },
      { title: "Newest label", cell: (row) => row.newest_label_at, show: (value) => (value ? age(value, moment(value)) : undefinedValue("no label has a date")) },
      counted("Assets", (row) => row.asset_count), counted("Labels", (row) => row.label_count),
    ], projects, 1, true),
    details(`${plural(DATA.exports.length, "export")}, ${plural(REPORT.reject_count, "reject")}`, sortable("exports", "Exports", [
      { title: "Export", cell: (row) => row.name },
      { title: "Layout", cell: (row) => row.layout, none: "the file could not be read" },
      { title: "As of", cell: (row) => row.as_of, show: (value) => (value ? moment(value) : undefinedValue("the export has no date")) },
      counted("Assets", (row) => row.asset_count), counted("Labels", (row) => row.label_count),
      { title: "Rejected", number: true, cell: (row) => (row.is_rejected ? Infinity : row.rejected_count), show: (value) => (value === Infinity ? h("span.bad", null, "whole file") : value ? h("span.bad", null, count(value)) : "0") },
    ], DATA.exports, rejected.length ? 5 : 2, true)),
    DATA.rejects.length
      ? details("Rejected records", sortable("rejects", "Rejected records", [
          { title: "Export", cell: (row) => row.name },
          { title: "Entry", cell: (row) => row.entry ?? "" },
          { title: "Place", cell: (row) => row.location ?? "" },
          { title: "Reason", cell: (row) => row.reason },
        ], DATA.rejects), REPORT.reject_count > DATA.rejects.length ? note(`The first ${DATA.rejects.length}; kili-warehouse rejects lists all.`) : null)
      : null);
};
