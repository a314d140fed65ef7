// Assets to review again, and drawings of the worst.

const RANKED_REASONS = {
  sent_back: "sent back, and not labelled again",
  disagreement: "annotators disagree",
  doubtful_truth: "annotators contradict the honeypot's truth",
  against_majority: "the reviewer contradicts the majority",
  empty_answer: "the answer is empty",
  rework: "labelled again since its review",
  reviewers_differ: "two reviewers differ",
};

const chosenAssets = () =>
  DATA.ranked.filter((row) => inProject(row) && inPeriod(row.week) && (!chosen.person || row.people.split(" ").includes(chosen.person)));

const reasonList = (reasons) =>
  h("span.reasons", null, reasons.split(", ").map((reason) => h("span.tag", { title: RANKED_REASONS[reason] ?? null }, plainName(reason))));

const SVG = "http://www.w3.org/2000/svg";
const svg = (name, attributes, ...children) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const shapeOf = (shape) => {
  const title = svg("title", {}, `${shape.job}: ${shape.category ?? "no category"}, ${plainName(shape.edit)}${shape.edit === "moved" || shape.edit === "relabelled_and_moved" ? (shape.side === "left" ? " (annotator's)" : " (reviewer's)") : ""}`);
  const classes = `shape ${shape.side}`;
  const style = `--edit: var(--${shape.edit.replaceAll("_", "-")})`;
  if (!shape.points) return svg("path", { d: shape.path, class: classes, style }, title);
  return svg("g", { class: classes, style }, title, ...shape.points.map((point) => svg("circle", { cx: point.split(" ")[0], cy: point.split(" ")[1], r: 9 })));
};

/** The category beside a shape, at its upper left. */
const labelOf = (shape) => {
  const numbers = (shape.path ?? shape.points.join(" ")).match(/-?\d+/g).map(Number);
  const x = Math.min(...numbers.filter((_, i) => i % 2 === 0));
  const y = Math.min(...numbers.filter((_, i) => i % 2));
  return svg("text", { x: Math.min(x, 800), y: Math.max(y - 10, 28) }, shape.category ?? "");
};
const MOST_NAMED = 12;
const isNamed = (panel, shape) =>
  (panel.shapes.length <= MOST_NAMED || shape.edit !== "kept") && !(shape.side === "right" && shape.edit === "moved");

const words = (category, text, begin, end) =>
  [category, text && `“${text.length > 80 ? `${text.slice(0, 80)}…` : text}”`, begin !== null && `${begin}–${end}`].filter(Boolean).join(" ");

const textOf = (row) => {
  const before = words(row.left_category, row.left_text, row.left_begin, row.left_end);
  const after = words(row.right_category, row.right_text, row.right_begin, row.right_end);
  const sides = row.edit === "kept" || row.edit === "unreviewed" ? [before] : [before ? h("del", null, before) : null, before && after ? " → " : null, after ? h("ins", null, after) : null];
  const line = h("li", null, h("span.edit", null, row.edit === "unreviewed" ? row.job : `${plainName(row.edit)}: ${row.job}`), " ", sides);
  line.style.setProperty("--edit", `var(--${row.edit.replaceAll("_", "-")})`);
  return line;
};

const panelOf = (panel) => {
  const who = panel.is_reviewed
    ? `${personName(panel.annotator)}, reviewed by ${personName(panel.reviewer)}`
    : panel.reviewer ? `${personName(panel.reviewer)}: review or truth` : `${personName(panel.annotator)}, not reviewed`;
  const where = panel.frame !== null ? `, frame ${panel.frame}` : panel.page !== null ? `, page ${panel.page}` : "";
  const kinds = united(panel.shapes, ["edit"], []).map((row) => `${panel.shapes.filter((shape) => shape.edit === row.edit).length} ${plainName(row.edit)}`);
  return h("div.panel", null,
    h("p", null, who + where),
    panel.shapes.length
      ? svg("svg", { viewBox: `-10 -10 1020 ${panel.height + 20}`, role: "img", "aria-label": `Drawing of ${who}${where}: shapes ${kinds.join(", ")}` },
          svg("rect", { x: 0, y: 0, width: 1000, height: panel.height, class: "ground" }), ...panel.shapes.map(shapeOf),
          ...panel.shapes.filter((shape) => isNamed(panel, shape)).map(labelOf))
      : null,
    panel.texts.length ? h("ul.texts", null, panel.texts.map(textOf)) : null,
    panel.shapes.length || panel.texts.length ? null : note("No shape or text."));
};

const FEW_DRAWINGS = 6;
let drawsAll = false;

const drawingsOf = (rows) => {
  const panels = new Map();
  for (const panel of REPORT.drawings) panels.set(panel.asset, [...(panels.get(panel.asset) ?? []), panel]);
  const drawn = rows.filter((row) => panels.has(row.asset));
  if (!drawn.length) return null;
  const edits = [...new Set(drawn.flatMap((row) => panels.get(row.asset)).flatMap((panel) => [...panel.shapes, ...panel.texts]).map((shape) => shape.edit))];
  return h("figure", null,
    h("figcaption", null, "Annotations of annotators, and their edits in review", h("small", null, `${plural(drawn.length, "asset")}, worst first`)),
    legend([...EDITS, "unreviewed"].filter((edit) => edits.includes(edit)),
      edits.some((edit) => edit.endsWith("moved")) ? h("span.key", null, h("i.dashed"), "annotator's shape where the reviewer's differs") : ""),
    h("div.gallery", null, drawn.slice(0, drawsAll ? Infinity : FEW_DRAWINGS).map((row) =>
      h("article", null, h("h4", null, row.name), reasonList(row.reasons), h("div.panels", null, panels.get(row.asset).map(panelOf))))),
    drawn.length > FEW_DRAWINGS ? h("button.more", { type: "button", "aria-expanded": String(drawsAll), onclick: () => { drawsAll = !drawsAll; assets(); } }, drawsAll ? `Show ${FEW_DRAWINGS} drawings` : `Show all ${drawn.length} drawings`) : null);
};

const assets = () => {
  const rows = chosenAssets();
  const ranked = total(DATA.ranked_total.filter(inProject), "asset_count");
  fill("assets-body",
    onlyFor(["job"]),
    rows.length
      ? [sortable("ranked", "Assets to review again", [
          { title: "Asset", cell: (row) => row.name },
          ...(isManyProjects() ? [{ title: "Project", cell: (row) => projectName(row.project) }] : []),
          { title: "Reasons", cell: (row) => row.reasons, show: reasonList },
          { title: "Priority", number: true, cell: (row) => row.priority, help: "From 0 to 1; several reasons add up", show: (value) => value.toFixed(2) },
          { title: "Rank", number: true, cell: (row) => row.rank, help: "Within the project", show: count },
          { title: "Status", cell: (row) => row.status && plainName(row.status.toLowerCase()) },
          { title: "Labels", number: true, cell: (row) => row.default_count, show: count },
          { title: "Reviews", number: true, cell: (row) => row.review_count, show: count },
          { title: "Last label", cell: (row) => row.last_label_on, show: (value) => (value ? day(value) : undefinedValue("no label has a date")) },
        ], rows, isManyProjects() ? 4 : 3),
        ranked > DATA.ranked.filter(inProject).length ? note(`The page lists the worst ${count(DATA.ranked.length)} assets; marts.asset_quality ranks all.`) : null,
        drawingsOf(rows)]
      : note("No asset of this selection needs another look."));
};
