// Annotators and reviewers: their rows, over all time or summed over the chosen weeks.

const SECONDS = ["total_seconds", "capped_seconds"];
const ANNOTATOR_COUNTS = [
  "label_count", "skipped_count", "accepted_count", "fixed_count", "sent_back_count", "reviewed_count", "scored_count", "score_squares",
  "passed_count", "judged_count", "agreement_asset_count", "honeypot_count", "seconds_count", ...SECONDS,
];
const ANNOTATOR_MEANS = { review_score: "scored_count", agreement_score: "agreement_asset_count", honeypot_score: "honeypot_count" };
const REVIEWER_COUNTS = [
  "review_count", "self_review_count", "accepted_count", "fixed_count", "sent_back_count", "judged_count", "edit_count",
  "compared_count", "reviewed_again_count", "hours_count", "seconds_count", ...SECONDS,
];
const REVIEWER_MEANS = { kept_by_next_share: "reviewed_again_count" };

/** The rows of people: those of the mart, or the sums of the chosen weeks, which have no medians but for one week. */
const peopleRows = (all, weeks, counts, means, medians, isChosen) => {
  const keep = (row) => inProject(row) && isChosen(row);
  if (!isPeriod()) return all.filter(keep);
  const rows = weeks.filter((row) => keep(row) && inPeriod(row.week));
  const summed = isOneWeek() ? rows : united(rows, ["project", "person"], counts, means);
  return summed.map((row) => ({ ...Object.fromEntries(medians.map((name) => [name, null])), ...row, isSum: !isOneWeek() }));
};

const everyone = () => true;
const annotatorRows = (isChosen = ofPerson) =>
  peopleRows(DATA.annotators, DATA.annotator_weeks, ANNOTATOR_COUNTS, ANNOTATOR_MEANS, ["median_seconds", "p90_seconds"], isChosen);
const reviewerRows = (isChosen = ofPerson) =>
  peopleRows(DATA.reviewers, DATA.reviewer_weeks, REVIEWER_COUNTS, REVIEWER_MEANS, [
    "median_seconds", "p90_seconds", "median_hours_to_review", "p90_hours_to_review", "strictness",
  ], isChosen);

const acceptance = (row) => shareOf(row.accepted_count ?? 0, row.reviewed_count ?? row.judged_count, "nothing_reviewed");
const firstPass = (row) => shareOf(row.passed_count, row.judged_count, "nothing_reviewed");
const median = (row, name) => measure(row[name], row.isSum ? "period" : row.seconds_reason ?? "not_exported", { n: row.seconds_count ?? 0 });
const flagged = (row, name) => measure(row[name], "not_exported");

/** The score of reviews with the 95 % limits of a mean, where there are two or more. */
const scoreWithInterval = (rows) => {
  const n = total(rows, "scored_count");
  if (!n) return measure(null, "nothing_scored", { n });
  const mean = rows.reduce((sum, row) => sum + (row.review_score ?? 0) * (row.scored_count ?? 0), 0) / n;
  if (n < 2) return measure(mean, null, { n });
  const half = Z * Math.sqrt(Math.max(0, total(rows, "score_squares") / n - mean * mean) / (n - 1));
  return measure(mean, null, { n, low: Math.max(0, mean - half), high: Math.min(1, mean + half) });
};

const isManyProjects = () => !chosen.project && DATA.projects.length > 1;
const whoColumns = (title) => [
  { title, cell: (row) => personName(row.person), show: (name, row) => personButton(row.person, name) },
  ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
];
const personButton = (person, name) => {
  const id = PEOPLE.get(person)?.id;
  return h("button.link", { type: "button", title: id === name ? null : id, onclick: () => choose({ person: chosen.person === person ? "" : person }) }, name);
};
const counted = (title, cell, help) => ({ title, number: true, help, cell, show: (value) => (typeof value === "object" ? shown(value) : count(value)) });
const asShare = (title, cell, help, reference = null) => ({ title, number: true, help, cell, show: (value) => shown(value, percent, [0, 1], reference) });
const asScore = (title, cell, help) => ({ title, number: true, help, cell, show: (value) => shown(value, decimals(3)) });
const asTime = (title, cell, help, format = duration) => ({ title, number: true, help, cell, show: (value) => shown(value, format) });

const teamShare = (rows, part, n) => (total(rows, n) ? total(rows, part) / total(rows, n) : null);

const annotatorTable = (rows) =>
  sortable("annotators", "Annotators", [
    ...whoColumns("Annotator"),
    counted("Labels", (row) => row.label_count ?? 0, "Labels that are not skipped"),
    counted("Reviewed", (row) => row.reviewed_count ?? 0, "Labels that were accepted, fixed or sent back"),
    asShare("Accepted", acceptance, "Labels that the reviewer left unchanged, of those reviewed", teamShare(annotatorRows(everyone), "accepted_count", "reviewed_count")),
    asShare("First pass", firstPass, "First attempts that passed review unchanged", teamShare(annotatorRows(everyone), "passed_count", "judged_count")),
    counted("Sent back", (row) => flagged(row, "sent_back_count")),
    asScore("Review score", (row) => meanOf(row.review_score, row.scored_count, "nothing_scored"), "How much of the labels reviewers kept, 0 to 1"),
    asScore("Agreement", (row) => meanOf(row.agreement_score, row.agreement_asset_count, "nothing_scored"), "Mean score against other annotators of the same assets"),
    asScore("Honeypots", (row) => meanOf(row.honeypot_score, row.honeypot_count, "nothing_scored"), "Mean score against the known truth"),
    counted("Skipped", (row) => flagged(row, "skipped_count")),
  ], rows, isManyProjects() ? 4 : 3);

const strictness = (row) =>
  row.isSum || row.strictness === undefined || (isPeriod() && row.strictness === null)
    ? measure(null, "period", {})
    : measure(row.strictness, row.strictness_reason, { n: row.strictness_count, low: row.strictness_low, high: row.strictness_high });

const waitedHours = (row, name) => measure(row[name], row.isSum ? "period" : row.hours_reason ?? "nothing_reviewed", { n: row.hours_count ?? 0 });

const reviewerTable = (rows) =>
  sortable("reviewers", "Reviewers", [
    ...whoColumns("Reviewer"),
    counted("Reviews", (row) => row.review_count ?? 0),
    counted("Judged", (row) => row.judged_count ?? 0, "Labels that the reviewer accepted, fixed or sent back"),
    asShare("Accepted", acceptance, "Labels left unchanged, of those judged", teamShare(reviewerRows(everyone), "accepted_count", "judged_count")),
    { title: "Strictness", number: true, cell: strictness, help: "Share not accepted, less that of other reviewers on the same annotators; above 0 is stricter", show: (cell) => shown(cell, (value) => `${value > 0 ? "+" : ""}${decimals(3)(value)}`, [-0.5, 0.5], 0) },
    counted("Sent back", (row) => flagged(row, "sent_back_count")),
    { title: "Edits a label", number: true, cell: (row) => meanOf(row.edit_count / (row.compared_count || 1), row.compared_count, "nothing_compared"), show: (cell) => shown(cell, decimals(2)) },
    asShare("Kept by the next", (row) => (row.reviewed_again_count ? shareOf(row.kept_by_next_share * row.reviewed_again_count, row.reviewed_again_count) : measure(null, "nothing_compared", { n: 0 })), "Reviews that the next reviewer left unchanged"),
    asTime("Median wait", (row) => waitedHours(row, "median_hours_to_review"), "From the label to its review", hours),
    asTime("p90 wait", (row) => waitedHours(row, "p90_hours_to_review"), "Nine in ten labels were reviewed in less", hours),
    counted("Own labels", (row) => row.self_review_count ?? 0, "Reviews of own labels, which count in no share"),
  ], rows, isManyProjects() ? 5 : 4, true);

const timeTable = (id, title, rows) =>
  sortable(id, `Time of ${title.toLowerCase()}s`, [
    ...whoColumns(title),
    counted("Timed", (row) => row.seconds_count ?? 0, "Labels whose time the export contains"),
    asTime("Total", (row) => measure(row.total_seconds, "not_exported", {})),
    asTime("Capped", (row) => measure(row.capped_seconds, "not_exported", {}), "No label counts for more than 30 minutes"),
    asTime("Median", (row) => median(row, "median_seconds"), "Half of the labels took less"),
    asTime("p90", (row) => median(row, "p90_seconds"), "Nine in ten labels took less"),
  ], rows, isManyProjects() ? 2 : 1, true);
