// The tables of a report as the server renders them: texts with a tone.
import { make, sentence } from "./dom.js";
import { linkTo } from "./route.js";

const INK = { closed: "closed-ink", open: "open-ink", warning: "warn-ink", dim: "soft", bad: "warn-ink" };

function cellOf(cell, column, inSection) {
  const [first, ...more] = cell.lines;
  const parts = [];
  if (cell.owner && !inSection) parts.push(make("span", { class: INK[cell.tone] }, cell.owner), make("br"));
  const [value, ...below] = column.is_text ? [first] : first.replace(" (", "\n(").split("\n");
  parts.push(make(cell.strong ? "b" : "span", { class: cell.owner && !inSection ? "" : INK[cell.tone] || "" }, cell.run ? make("a", { href: linkTo(["run", cell.run]) }, value) : sentence(value)));
  for (const line of [...below, ...more]) {
    const text = line.replace(/^\(|\)$/g, "");
    parts.push(make("br"), make("span", { class: text === "invalid" ? "warn-ink" : "soft" }, sentence(text)));
  }
  return make("td", { class: column.is_text ? "words" : "num" }, parts);
}

export function reportTable(table) {
  const body = table.groups.flatMap((group) => {
    const heading = group.heading.length ? [make("tr", { class: "block" }, make("th", { colspan: table.columns.length, scope: "colgroup" }, group.heading.map(([text, tone]) => make("span", { class: INK[tone] || "" }, text))))] : [];
    return [...heading, ...group.rows.map((row) => make("tr", {}, row.map((cell, place) => cellOf(cell, table.columns[place], group.heading.length > 0))))];
  });
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.title },
    make("table", {}, make("thead", {}, make("tr", {}, table.columns.map((column) => make("th", { class: column.is_text ? "" : "num", scope: "col" }, column.heading)))), make("tbody", {}, body)));
}
