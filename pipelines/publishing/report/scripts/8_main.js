// The answers on top, the filters, and the start of the page.

const STALE_DAYS = 7;
const daysSince = (time) => Math.floor((Date.now() - new Date(time)) / 86400000);
const age = (time, text) => {
  const days = daysSince(time);
  const since = days < 1 ? "today" : days === 1 ? "yesterday" : `${count(days)} days ago`;
  return h("span", { title: since }, text, " ", h("small", null, since));
};

const answer = (question, target, verdict, ...text) =>
  h("button.answer", { type: "button", onclick: () => visit(target) }, h("span.question", null, question), h("b", null, verdict), h("span.text", null, text));

const visit = (id) => {
  const heading = byId(id);
  heading.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  heading.querySelector("h2").focus({ preventScroll: true });
};

/** Whether the newer half of the weeks is better than the older, by the interval of the difference. */
const trend = () => {
  const weeks = byWeek(DATA.annotator_weeks.filter((row) => inProject(row) && ofPerson(row)))
    .map(({ rows }) => ({ accepted: total(rows, "accepted_count"), n: total(rows, "reviewed_count") })).filter((week) => week.n);
  const half = Math.min(4, Math.floor(weeks.length / 2));
  const of = (part) => shareOf(total(part, "accepted"), total(part, "n"), "nothing_reviewed");
  if (!half) return answer("Is quality rising or falling?", "quality", "Not known yet", "Reviews of two weeks are needed.");
  const newer = of(weeks.slice(-half));
  const older = of(weeks.slice(-2 * half, -half));
  const { low, high } = difference(newer, older);
  const verdict = low > 0 ? "Rising" : high < 0 ? "Falling" : "No clear change";
  const span = half === 1 ? "week" : `${half} weeks`;
  return answer("Is quality rising or falling?", "quality", verdict, `${roughly(newer.value)} of labels accepted in the last ${span}, ${roughly(older.value)} in the ${span} before.`);
};

const help = () => {
  const rows = annotatorRows();
  const all = teamShare(annotatorRows(everyone), "accepted_count", "reviewed_count");
  const weak = rows.map((row) => ({ ...row, share: acceptance(row) })).filter((row) => row.share.value !== null && row.share.high < all).sort((a, b) => a.share.value - b.share.value);
  if (!weak.length) return answer("Who needs help?", "annotators", "Nobody stands out", "No annotator's interval lies below the share of all.");
  const worst = weak[0];
  const [most] = united(chosenEdits().filter((row) => row.person === worst.person && row.project === worst.project && row.edit !== "kept"), ["edit"], ["edit_count"]).sort((a, b) => b.edit_count - a.edit_count);
  const second = weak[1] ? ` Then ${personName(weak[1].person)}, ${roughly(weak[1].share.value)}.` : "";
  return answer("Who needs help?", "annotators", personName(worst.person), `${roughly(worst.share.value)} accepted, all annotators ${roughly(all)}${most ? `; mostly ${plainName(most.edit)}` : ""}.${second}`);
};

const confused = () => {
  const changed = confusions(chosenEdits()).flatMap((job) => job.rows).filter((row) => row.annotator_category !== null && row.reviewer_category !== null && row.annotator_category !== row.reviewer_category);
  const [most] = changed.sort((a, b) => b.edit_count - a.edit_count);
  if (!most) return answer("Which classes are confused?", "confusion", "None", "No reviewer chose another category in this selection.");
  const [who] = united(chosenEdits().filter((row) => row.project === most.project && row.job === most.job && row.annotator_category === most.annotator_category && row.reviewer_category === most.reviewer_category), ["person"], ["edit_count"]).sort((a, b) => b.edit_count - a.edit_count);
  return answer("Which classes are confused?", "confusion", `${most.annotator_category} → ${most.reviewer_category}`, `${plural(most.edit_count, "time")} in ${most.job}, ${count(who.edit_count)} by ${personName(who.person)}.`);
};

const worth = () => {
  if (isPeriod()) return answer("Is the model worth it?", "models", "–", "Not available for a period.");
  const rows = DATA.models.filter(inProject).map((row) => ({ ...row, share: shareOf(row.accepted_count, row.accepted_count + row.edited_count + row.dropped_count) })).filter((row) => row.share.value !== null && row.share.n >= SMALL);
  if (!rows.length) return answer("Is the model worth it?", "models", "Not known", "No predictions were judged often enough.");
  const [best, next] = rows.sort((a, b) => b.share.value - a.share.value);
  const other = next ? ` ${next.model || "The unnamed model"}: ${roughly(next.share.value)}.` : "";
  return answer("Is the model worth it?", "models", best.model || "The unnamed model", `${roughly(best.share.value)} of its labels left as they were, ${best.edits_per_label?.toFixed(1) ?? "–"} edits a label.${other}`);
};

const again = () => {
  const rows = chosenAssets();
  if (!rows.length) return answer("Which assets need another look?", "assets", "None", "Nothing is known against the assets of this selection.");
  const reasons = united(rows.flatMap((row) => row.reasons.split(", ").map((reason) => ({ reason, n: 1 }))), ["reason"], ["n"]).sort((a, b) => b.n - a.n).slice(0, 3);
  return answer("Which assets need another look?", "assets", plural(rows.length, "asset"), `${reasons.map((row) => `${count(row.n)} ${plainName(row.reason)}`).join(", ")}.`);
};

const fresh = () => {
  const dates = DATA.projects.filter(inProject).map((row) => row.as_of).filter(Boolean).sort();
  const rejects = `${plural(REPORT.reject_count, "reject")} in ${plural(DATA.exports.length, "export")}.`;
  if (!dates.length) return answer("How fresh is this?", "freshness", "Of unknown date", rejects);
  return answer("How fresh is this?", "freshness", day(dates.at(-1)), age(dates.at(-1), "Newest export"), `. ${rejects}`);
};

const header = () => {
  const projects = DATA.projects.filter(inProject);
  const labelled = projects.filter((row) => row.first_label_at);
  const first = labelled.map((row) => row.first_label_at).sort()[0];
  const last = labelled.map((row) => row.newest_label_at).sort().at(-1);
  const exports = projects.map((row) => row.as_of).filter(Boolean).sort();
  const named = projects.length === 1 ? projects[0].name : `${count(projects.length)} projects`;
  const period = isPeriod() ? (isOneWeek() ? `week of ${day(chosen.from)}` : `weeks of ${day(chosen.from)} to ${day(chosen.to)}`) : first ? `labels of ${day(first)} to ${day(last)}` : "no dated label";
  const old = projects.filter((row) => row.as_of && daysSince(row.as_of) > STALE_DAYS);
  const stale = old.length === 1 && projects.length === 1 ? `${daysSince(old[0].as_of)} days old` : `${plural(old.length, "project")} older than ${STALE_DAYS} days`;
  const items = [named, period, exports.length ? `as of ${moment(exports.at(-1))}` : "of unknown date"];
  fill("about", items.flatMap((item, i) => [i ? h("span.dot", { "aria-hidden": "true" }, "·") : null, h("span", null, item)]),
    h(`span.badge${REPORT.reject_count ? ".bad" : ".good"}`, null, REPORT.reject_count ? plural(REPORT.reject_count, "reject") : "no rejects"),
    old.length ? h("span.badge.bad", { title: old.map((row) => row.name).join(", ") }, stale) : h("span.badge.good", null, "no stale data"));
  document.title = `Quality report: ${named}`;
};

const draw = () => {
  header();
  fill("answers", [trend(), help(), confused(), worth(), again(), fresh()]);
  progress();
  quality();
  fill("annotators-body", onlyFor(["job"]), annotatorRows().length ? annotatorTable(annotatorRows()) : note("No annotator in this selection."));
  fill("reviewers-body", onlyFor(["job"]), reviewerRows().length ? reviewerTable(reviewerRows()) : note("No reviewer in this selection."));
  confusion();
  agreement();
  edits();
  models();
  time();
  assets();
  freshness();
  drawCharts();
};

const FILTERS = ["project", "job", "from", "to", "person"];

const option = (value, text) => h("option", { value }, text);
const fillFilters = () => {
  const jobs = [...new Set([...DATA.edits, ...DATA.agreement].filter(inProject).map((row) => row.job))].sort();
  const people = new Set([...DATA.annotators, ...DATA.reviewers].filter(inProject).map((row) => row.person));
  const choices = {
    project: DATA.projects.map((row) => option(row.project, row.name)),
    job: jobs.map((job) => option(job, job)),
    from: WEEKS.map((week) => option(week, day(week))),
    to: WEEKS.map((week) => option(week, day(week))),
    person: DATA.people.filter((row) => people.has(row.person)).map((row) => option(row.person, row.name)),
  };
  const all = { project: "All projects", job: "All jobs", from: "The start", to: "The end", person: "Everyone" };
  for (const name of FILTERS) {
    const select = byId(name);
    select.replaceChildren(option("", all[name]), ...choices[name]);
    select.value = chosen[name];
    if (select.selectedIndex < 0) select.value = chosen[name] = "";
  }
  byId("reset").disabled = !FILTERS.some((name) => chosen[name]);
};

/** Takes filters over, draws the page, and keeps them in its address. */
const choose = (changes) => {
  Object.assign(chosen, changes);
  if (isPeriod()) {
    chosen.from ||= WEEKS[0];
    chosen.to ||= WEEKS.at(-1);
  }
  if (chosen.from > chosen.to) [chosen.from, chosen.to] = [chosen.to, chosen.from];
  fillFilters();
  const kept = FILTERS.filter((name) => chosen[name]).map((name) => `${name}=${encodeURIComponent(chosen[name])}`);
  if (location.hash.slice(1) !== kept.join("&")) history.replaceState(null, "", `#${kept.join("&")}`);
  draw();
};

const fromAddress = () => {
  const parameters = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(FILTERS.map((name) => [name, parameters.get(name) ?? ""]));
};

for (const name of FILTERS) byId(name).addEventListener("change", (event) => choose({ [name]: event.target.value }));
byId("reset").addEventListener("click", () => choose(Object.fromEntries(FILTERS.map((name) => [name, ""]))));
addEventListener("hashchange", () => choose(fromAddress()));
for (const button of document.querySelectorAll("nav button")) button.addEventListener("click", () => visit(button.dataset.section));
choose(fromAddress());
