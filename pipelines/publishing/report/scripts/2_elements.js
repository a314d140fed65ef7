// Elements, numbers as text, and sortable tables. Every text of the data becomes a text node.

const h = (tag, attributes, ...children) => {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

const byId = (id) => document.getElementById(id);
const hidden = (text) => h("span.hidden", null, text);
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many ?? `${one}s`}`;
const count = (n) => n.toLocaleString("en-GB");
const decimals = (digits) => (value) => value.toFixed(digits).replace("-", "−");
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const roughly = (value) => `${(100 * value).toFixed(0)} %`;
const duration = (seconds) => {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
};
const hours = (value) => (value < 48 ? `${value.toFixed(1)} h` : `${(value / 24).toFixed(1)} d`);
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const day = (text) => `${Number(text.slice(8, 10))} ${MONTHS[text.slice(5, 7) - 1]} ${text.slice(0, 4)}`;
const moment = (text) => `${day(text)}, ${text.slice(11, 16)} UTC`;

const undefinedValue = (reason) => h("span.none", { title: reason }, h("span", { "aria-hidden": "true" }, "–"), hidden(`undefined: ${reason}`));

/** A measure as text, with a bar of its interval where it has one. `range`: the ends of the bar. */
const shown = (cell, format = count, range = [0, 1], reference = null) => {
  if (cell.value === null) return undefinedValue(cell.reason);
  const isSmall = cell.n !== undefined && cell.n < SMALL;
  const interval = cell.low !== undefined && cell.low !== null ? `95 % interval ${format(cell.low)} to ${format(cell.high)}` : "";
  const cases = cell.n === undefined ? "" : `n = ${count(cell.n)}${isSmall ? ", few cases" : ""}`;
  const about = [interval, cases].filter(Boolean).join(", ");
  return h(
    `span.measure${isSmall ? ".small" : ""}`,
    { title: about || null },
    h("span.value", null, format(cell.value)),
    interval ? intervalBar(cell, range, reference) : null,
    about ? hidden(`, ${about}`) : null,
  );
};

const intervalBar = (cell, [least, most], reference) => {
  const at = (value) => `${Math.min(100, Math.max(0, (100 * (value - least)) / (most - least)))}%`;
  const bar = h("span.interval", { "aria-hidden": "true" });
  const part = (name, left, width) => {
    const element = h(`i.${name}`);
    element.style.left = left;
    if (width) element.style.width = width;
    bar.append(element);
  };
  if (reference !== null) part("reference", at(reference));
  part("band", at(cell.low), `${Math.max(1, parseFloat(at(cell.high)) - parseFloat(at(cell.low)))}%`);
  part("dot", at(cell.value));
  return bar;
};

const FEW_ROWS = 15;
const sorting = {}; // by table: the column and direction that the reader chose
const opened = new Set(); // tables that show all rows

/**
 * A table that is sorted by a click on a heading. A column: `title`, `cell` (the measure or text of a row), `show`
 * (the cell as an element), `help` and whether it is a `number`. Rows without value come last.
 */
const sortable = (id, caption, columns, rows, first = 0, descending = false) => {
  const place = h("div.table");
  const by = sorting[id] ?? { column: first, descending };
  const valueOf = (column, row) => {
    const cell = column.cell(row);
    return cell !== null && typeof cell === "object" ? cell.value : cell;
  };
  const draw = (focus) => {
    const column = columns[by.column] ?? columns[0];
    const keyed = rows.map((row) => [valueOf(column, row), row]);
    const isFew = (row) => column.number && (column.cell(row)?.n ?? SMALL) < SMALL;
    keyed.sort(([a, rowA], [b, rowB]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      if (isFew(rowA) !== isFew(rowB)) return isFew(rowA) - isFew(rowB);
      return (by.descending ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0);
    });
    const shownRows = opened.has(id) ? keyed : keyed.slice(0, FEW_ROWS);
    place.replaceChildren(
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, h("table", { id },
        h("caption.hidden", null, caption),
        h("thead", null, h("tr", null, columns.map((each, i) => heading(each, i)))),
        h("tbody", null, shownRows.map(([, row]) => h("tr", null, columns.map((each, i) => cellOf(each, row, i))))))),
      rows.length > FEW_ROWS
        ? h("button.more", { type: "button", "aria-expanded": String(opened.has(id)), onclick: () => { opened.has(id) ? opened.delete(id) : opened.add(id); draw(); } },
            opened.has(id) ? `Show ${FEW_ROWS} rows` : `Show all ${count(rows.length)} rows`)
        : "",
    );
    if (focus !== undefined) place.querySelectorAll("thead button")[focus].focus();
  };
  const heading = (column, i) => {
    const isSorted = by.column === i;
    const sort = () => {
      if (isSorted) by.descending = !by.descending;
      else Object.assign(by, { column: i, descending: Boolean(column.number) });
      sorting[id] = by;
      draw(i);
    };
    return h(column.number ? "th.number" : "th", { scope: "col", "aria-sort": isSorted ? (by.descending ? "descending" : "ascending") : null },
      h("button", { type: "button", title: column.help ?? null, onclick: sort }, column.title,
        h("span.arrow", { "aria-hidden": "true" }, isSorted ? (by.descending ? " ↓" : " ↑") : "")));
  };
  const cellOf = (column, row, i) => {
    const cell = column.cell(row);
    const content = column.show ? column.show(cell, row) : cell === null ? undefinedValue(column.none ?? REASONS.not_exported) : cell;
    return h(i ? (column.number ? "td.number" : "td") : "th", i ? null : { scope: "row" }, content);
  };
  draw();
  return place;
};

/** A table of a few rows as they are. */
const plain = (id, caption, titles, rows) =>
  h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, h("table", { id },
    h("caption.hidden", null, caption),
    h("thead", null, h("tr", null, titles.map((title, i) => h(i ? "th.number" : "th", { scope: "col" }, title)))),
    h("tbody", null, rows.map((cells) => h("tr", null, cells.map((cell, i) => h(i ? "td.number" : "th", i ? null : { scope: "row" }, cell)))))));

/** The colours of edits. */
const legend = (edits, ...more) =>
  h("p.legend", null, edits.map((edit) => {
    const key = h("span.key", null, h("i"), edit === "unreviewed" ? "not reviewed" : edit.replaceAll("_", " "));
    key.style.setProperty("--edit", `var(--${edit.replaceAll("_", "-")})`);
    return key;
  }), more);

const details = (title, ...content) => h("details", null, h("summary", null, title), content);
const note = (text) => h("p.note", null, text);
