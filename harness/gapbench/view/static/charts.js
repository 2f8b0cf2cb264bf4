// Small charts, drawn from the figures of the analysis; and charts that the report drew.
import { makeSvg, make, OUTCOMES } from "./dom.js";

// An interval on an axis of points of accuracy, with the margin that makes no difference.
export function gapChart(row, limit, margin, width = 150) {
  const height = 22, x = (value) => 6 + ((value + limit) / (2 * limit)) * (width - 12), y = height / 2;
  const side = { "closed ahead": "closed", "open ahead": "open" }[row.verdict] || "even";
  const clip = (value) => Math.max(-limit, Math.min(limit, value));
  const text = `gap ${row.shown.gap} points, interval ${row.shown.interval}: ${row.verdict}`;
  const svg = makeSvg("svg", { class: "gap-chart " + side, viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": text }, makeSvg("title", {}, text));
  if (margin) svg.append(makeSvg("rect", { class: "margin", x: x(clip(-margin)), y: 2, width: x(clip(margin)) - x(clip(-margin)), height: height - 4 }));
  svg.append(makeSvg("line", { class: "zero", x1: x(0), x2: x(0), y1: 1, y2: height - 1 }));
  if (row.ci_low !== null && row.ci_high !== null) svg.append(makeSvg("line", { class: "whisker", x1: x(clip(row.ci_low)), x2: x(clip(row.ci_high)), y1: y, y2: y }));
  if (row.gap_points !== null) svg.append(makeSvg("circle", { cx: x(clip(row.gap_points)), cy: y, r: 4.5 }));
  return svg;
}

export function gapLimit(rows) {
  const ends = rows.flatMap((row) => [row.ci_low, row.ci_high, row.gap_points]).filter((value) => value !== null && value !== undefined).map(Math.abs);
  return Math.max(5, Math.ceil(Math.max(0, ...ends) / 5) * 5);
}

// A share from 0 to 1 as a bar, with its interval.
export function shareBar(row, name, weights, width = 160) {
  const value = row[name], low = row[name + "_low"], high = row[name + "_high"], height = 16;
  const svg = makeSvg("svg", { class: "share " + weights, viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  svg.append(makeSvg("rect", { class: "track", x: 0, y: 4, width, height: 8, rx: 2 }));
  if (value !== null) svg.append(makeSvg("rect", { class: "filled", x: 0, y: 4, width: value * width, height: 8, rx: 2 }));
  if (low !== null && high !== null) svg.append(makeSvg("line", { class: "whisker", x1: low * width, x2: high * width, y1: 8, y2: 8 }));
  return svg;
}

// How the requests of a model ended, as one bar of which each part is a count.
export function outcomeBar(row, width = 200) {
  const total = OUTCOMES.reduce((sum, name) => sum + (row[name] || 0), 0), height = 14;
  const said = OUTCOMES.filter((name) => row[name]).map((name) => `${row[name]} ${name}`).join(", ");
  const svg = makeSvg("svg", { class: "outcomes", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", width, height, role: "img", "aria-label": said }, makeSvg("title", {}, said));
  let x = 0;
  for (const name of OUTCOMES) {
    const part = total ? ((row[name] || 0) / total) * width : 0;
    if (part) svg.append(makeSvg("rect", { class: name, x, y: 0, width: part, height }, makeSvg("title", {}, `${row[name]} ${name}`)));
    x += part;
  }
  return svg;
}

// A drawing of the report: [tag, attributes, ...children], a child being a drawing or a text.
export function drawn([name, attributes, ...children]) {
  return makeSvg(name, attributes, children.map((child) => Array.isArray(child) ? drawn(child) : child));
}

export function outcomeLegend(rows) {
  const used = OUTCOMES.filter((name) => rows.some((row) => row[name]));
  return make("ul", { class: "legend" }, used.map((name) => make("li", {}, make("i", { class: name }), name)));
}
