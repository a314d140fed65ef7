"use strict";
// The page's data, and the reckoning over it. Rows are plain objects; people, projects and jobs are keys.

const Z = 1.959963984540054;
const SMALL = 10; // cases, below which a share is greyed

const repeated = (column) => {
  if (Array.isArray(column)) return column;
  const values = [];
  for (let i = 0; i < column.runs.length; i += 2)
    for (let n = 0; n < column.runs[i + 1]; n++) values.push(column.runs[i]);
  return values;
};

const decoded = (column) => {
  if (!column.words) return repeated(column);
  return repeated(column.at).map((place) => (place === null ? null : column.words[place]));
};

const rowsOf = (table) => {
  const names = Object.keys(table.columns);
  const columns = names.map((name) => decoded(table.columns[name]));
  const rows = new Array(table.count);
  for (let i = 0; i < table.count; i++) {
    const row = {};
    for (let c = 0; c < names.length; c++) row[names[c]] = columns[c][i];
    rows[i] = row;
  }
  return rows;
};

const REPORT = JSON.parse(document.getElementById("data").textContent);
const DATA = Object.fromEntries(Object.entries(REPORT.tables).map(([name, table]) => [name, rowsOf(table)]));
for (const row of DATA.edits) Object.assign(row, DATA.edit_kinds[row.kind]);
const PROJECTS = new Map(DATA.projects.map((row) => [row.project, row]));
const PEOPLE = new Map(DATA.people.map((row) => [row.person, row]));
const projectName = (key) => PROJECTS.get(key)?.name ?? key;
const personName = (key) => PEOPLE.get(key)?.name ?? "unknown";

const WEEKS = [...new Set([...DATA.annotator_weeks, ...DATA.reviewer_weeks].map((row) => row.week))].sort();

/** What the reader chose. Empty means all. */
const chosen = { project: "", job: "", from: "", to: "", person: "" };
const isPeriod = () => Boolean(chosen.from || chosen.to);
const isOneWeek = () => Boolean(chosen.from) && chosen.from === chosen.to;
const inPeriod = (week) =>
  !isPeriod() || (week !== null && (!chosen.from || week >= chosen.from) && (!chosen.to || week <= chosen.to));
const inProject = (row) => !chosen.project || row.project === chosen.project;
const ofPerson = (row) => !chosen.person || row.person === chosen.person;
const inJob = (row) => !chosen.job || row.job === chosen.job;

const REASONS = {
  nothing_reviewed: "nothing was reviewed",
  nothing_compared: "nothing was compared",
  nothing_scored: "nothing was scored",
  not_exported: "the export does not contain it",
  no_other_reviewer: "no other reviewer judged the same annotators",
  no_unit_with_two_ratings: "nothing was rated twice",
  one_category_only: "only one category was chosen",
  too_few_units: "too few assets for an interval",
  one_unit_decides: "one asset decides the interval",
  no_disagreement: "no disagreement, so no interval",
  not_classification: "no classification job",
  whole_label: "not defined for whole labels",
  period: "not available for a period",
};

/** A measure: its value, and what says how sure it is. Without value it has a reason. */
const measure = (value, reason, more = {}) =>
  value === null || value === undefined ? { value: null, reason: REASONS[reason] ?? reason ?? "unknown", ...more } : { value, ...more };

/** Wilson's 95 % limits of a share. */
const wilson = (share, n) => {
  const centre = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n))) / (1 + (Z * Z) / n);
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
};

const shareOf = (part, n, reason) => (n ? measure(part / n, null, { n, ...wilson(part / n, n) }) : measure(null, reason, { n: 0 }));
const meanOf = (mean, n, reason) => measure(n ? mean : null, reason, { n });

/** 95 % limits of the difference of two shares [Newcombe 1998, method 10]. */
const difference = (newer, older) => {
  const change = newer.value - older.value;
  return {
    change,
    low: change - Math.hypot(newer.value - newer.low, older.high - older.value),
    high: change + Math.hypot(newer.high - newer.value, older.value - older.low),
  };
};

/** Rows united by keys: counts are summed, and means weighted by their counts. Null counts are left out. */
const united = (rows, keys, counts, means = {}) => {
  const groups = new Map();
  for (const row of rows) {
    const key = keys.map((name) => row[name]).join("\u0000");
    let group = groups.get(key);
    if (!group) {
      group = Object.fromEntries(keys.map((name) => [name, row[name]]));
      for (const name of counts) group[name] = null;
      for (const name in means) group[name] = 0;
      groups.set(key, group);
    }
    for (const name of counts) if (row[name] !== null) group[name] = (group[name] ?? 0) + row[name];
    for (const name in means) if (row[means[name]]) group[name] += row[name] * row[means[name]];
  }
  const all = [...groups.values()];
  for (const group of all) for (const name in means) group[name] = group[means[name]] ? group[name] / group[means[name]] : null;
  return all;
};

const total = (rows, name) => rows.reduce((sum, row) => sum + (row[name] ?? 0), 0);
