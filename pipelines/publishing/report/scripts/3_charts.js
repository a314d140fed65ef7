// Charts by Vega-Lite. Each has a description for screen readers, and a table of its numbers beside it.

const EDITS = ["kept", "moved", "relabelled", "relabelled_and_moved", "text_changed", "removed", "added"];
const plainName = (name) => name.replaceAll("_", " ");
const colour = (name) => `var(--${name.replaceAll("_", "-")})`; // follows the colour scheme, also in print

const config = () => ({
  background: null,
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: colour("muted"), titleColor: colour("muted"), gridColor: colour("line"), domainColor: colour("line"),
    tickColor: colour("line"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", labelPadding: 6,
  },
  axisX: { grid: false },
  axisY: { domain: false, ticks: false, tickCount: 5 },
  legend: { labelColor: colour("ink"), labelFontSize: 12, orient: "top", title: null, symbolType: "square", padding: 0, offset: 10, labelLimit: 260 },
});

const drawings = [];

/** Adds a chart to the page. It is drawn when its place is wide enough to be seen. */
const chart = (description, height, spec) => {
  const place = h("div.chart", { role: "img", "aria-label": description });
  place.style.minHeight = `${height}px`;
  drawings.push({ place, spec: { width: "container", height, autosize: { type: "fit", contains: "padding" }, ...spec } });
  return place;
};

const drawCharts = () => {
  for (const { place, spec } of drawings.splice(0)) {
    const inner = h("div.vega", { "aria-hidden": "true" });
    place.replaceChildren(inner);
    const compiled = vegaLite.compile({ ...spec, config: config() }).spec;
    new vega.View(vega.parse(compiled), { renderer: "svg", container: inner, logLevel: vega.Error }).runAsync();
  }
};

const weekAxis = (weeks) => ({
  field: "week", type: "temporal", title: null, scale: { type: "utc" },
  axis: { format: "%-d %b", labelOverlap: true, labelSeparation: 8, values: weeks.length <= 12 ? weeks.map((week) => ({ year: Number(week.slice(0, 4)), month: Number(week.slice(5, 7)), date: Number(week.slice(8, 10)), utc: true })) : undefined },
});

/** A measure by week: its line, the band of its interval, and points that grow with the number of cases. */
const weekly = (title, rows, format, reference = []) => {
  const weeks = rows.map((row) => row.week);
  const defined = rows.filter((row) => row.value !== null);
  const low = Math.min(1, ...defined.map((row) => row.low ?? row.value));
  const share = { field: "value", type: "quantitative", title: null, scale: { domain: [Math.max(0, Math.floor(low * 10) / 10 - 0.1), 1] }, axis: { format } };
  const tooltip = [
    { field: "week", type: "temporal", title: "Week of", format: "%-d %b %Y", timeUnit: "utcyearmonthdate" },
    { field: "value", title, format: ".3f", type: "quantitative" },
    { field: "low", title: "from", format: ".3f", type: "quantitative" },
    { field: "high", title: "to", format: ".3f", type: "quantitative" },
    { field: "n", title: "n", type: "quantitative" },
  ];
  const last = defined.at(-1);
  const words = last ? `${title} by week: ${defined.length} weeks, the last ${last.value.toFixed(3)} with n = ${last.n}.` : `${title} by week: no value.`;
  return chart(`${words} The numbers are in the table below.`, 190, {
    encoding: { x: weekAxis(weeks) },
    layer: [
      { data: { values: defined.filter((row) => row.low !== null && row.low !== undefined) }, mark: { type: "area", color: colour("accent"), opacity: 0.18 }, encoding: { y: { ...share, field: "low" }, y2: { field: "high" } } },
      ...(reference.length ? [{ data: { values: reference.filter((row) => row.value !== null) }, mark: { type: "line", color: colour("muted"), strokeDash: [4, 3] }, encoding: { y: share } }] : []),
      { data: { values: defined }, mark: { type: "line", color: colour("accent"), strokeWidth: 2.5 }, encoding: { y: share } },
      { data: { values: defined }, mark: { type: "point", filled: true, color: colour("accent"), size: 60 }, encoding: { y: share, opacity: { condition: { test: `datum.n < ${SMALL}`, value: 0.35 }, value: 1 }, tooltip } },
    ],
  });
};

const STATES = ["reviewed", "labelled", "waiting"];
const stockChart = (rows) => {
  const last = rows.filter((row) => row.day === rows.at(-1)?.day);
  const words = last.map((row) => `${row.asset_count} ${row.state}`).join(", ");
  return chart(`Assets by state at the end of each day; at the last: ${words || "none"}.`, 240, {
    data: { values: rows },
    mark: { type: "area", interpolate: "step-after", line: false, opacity: 0.9 },
    encoding: {
      x: { field: "day", type: "temporal", title: null, scale: { type: "utc" }, axis: { format: "%-d %b", labelOverlap: true, tickCount: 6 } },
      y: { field: "asset_count", type: "quantitative", title: "assets", stack: "zero" },
      color: { field: "state", type: "nominal", scale: { domain: [...STATES].reverse(), range: [...STATES].reverse().map((state) => colour(state)) } },
      order: { field: "place", type: "quantitative" },
      tooltip: [{ field: "day", type: "temporal", title: "Day", format: "%-d %b %Y" }, { field: "state" }, { field: "asset_count", title: "assets" }],
    },
  });
};

const flowChart = (rows) => {
  const kinds = ["labels", "reviews"];
  const words = kinds.map((kind) => `${rows.filter((row) => row.kind === kind).reduce((sum, row) => sum + row.label_count, 0)} ${kind}`).join(" and ");
  return chart(`Labels and reviews made by week: ${words} in all. The numbers are in the table below.`, 240, {
    data: { values: rows },
    mark: { type: "bar", cornerRadiusEnd: 2 },
    encoding: {
      x: { field: "week", type: "ordinal", title: null, timeUnit: "utcyearmonthdate", axis: { format: "%-d %b", labelAngle: 0, labelOverlap: true } },
      xOffset: { field: "kind", sort: kinds },
      y: { field: "label_count", type: "quantitative", title: "made in the week" },
      color: { field: "kind", type: "nominal", scale: { domain: kinds, range: [colour("accent"), colour("reviewed")] } },
      tooltip: [{ field: "week", type: "temporal", title: "Week of", format: "%-d %b %Y" }, { field: "kind", title: "kind" }, { field: "label_count", title: "made" }],
    },
  });
};

const editsChart = (rows) => {
  const jobs = [...new Set(rows.map((row) => row.job))];
  return chart(`Share of each edit by job, for ${jobs.length} jobs. The numbers are in the table below.`, 34 * jobs.length + 46, {
    data: { values: rows },
    mark: { type: "bar", height: 20 },
    encoding: {
      y: { field: "job", type: "nominal", title: null, sort: jobs, axis: { labelColor: colour("ink"), labelLimit: window.innerWidth < 700 ? 120 : 300, labelFontSize: 13 } },
      x: { field: "edit_count", type: "quantitative", title: "share of the annotations", stack: "normalize", axis: { format: "%", grid: true, tickCount: 5 } },
      color: { field: "name", type: "nominal", scale: { domain: EDITS.map(plainName), range: EDITS.map((edit) => colour(edit)) }, legend: null },
      order: { field: "place", type: "quantitative" },
      tooltip: [{ field: "job", title: "job" }, { field: "name", title: "edit" }, { field: "edit_count", title: "annotations" }],
    },
  });
};

const timeChart = (rows) => {
  const names = [...new Set(rows.map((row) => row.name))];
  const range = ["accent", "moved", "reviewed", "relabelled", "removed", "text-changed", "muted", "relabelled-and-moved"].map(colour);
  return chart(`Median time for a label by week, for ${names.length} annotators. The weeks of one person can be chosen above.`, 240, {
    data: { values: rows },
    encoding: {
      x: weekAxis([...new Set(rows.map((row) => row.week))].sort()),
      y: { field: "median_seconds", type: "quantitative", title: "median seconds for a label", scale: { zero: true } },
      color: { field: "name", type: "nominal", scale: { domain: names, range }, legend: { symbolType: "stroke", columns: names.join("").length > 90 ? (window.innerWidth < 700 ? 1 : 3) : window.innerWidth < 700 ? 2 : 0 } },
    },
    layer: [
      { mark: { type: "line", strokeWidth: 2.5 } },
      { mark: { type: "point", filled: true, size: 50 }, encoding: { tooltip: [{ field: "name", title: "Annotator" }, { field: "week", type: "temporal", title: "Week of", format: "%-d %b %Y" }, { field: "median_seconds", title: "median seconds", format: ".1f" }, { field: "seconds_count", title: "n" }] } },
    ],
  });
};
