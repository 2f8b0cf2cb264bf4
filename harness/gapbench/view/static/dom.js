// Elements made from text nodes only: nothing from a run is ever parsed as markup.

const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const SVG = "http://www.w3.org/2000/svg";

// Characters that show nothing or change the direction of text are shown by their number.
export function visible(text) {
  return String(text).replace(CONTROLS, (c) => "[U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "]");
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : visible(value));
}

// make("p", {class: "soft"}, "text", element, [more]): an element with attributes, listeners (onclick) and children.
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) set(element, name, value);
  return fill(element, children);
}

// A sentence as text and elements: what stands between backticks is code.
export function sentence(text) {
  return String(text ?? "").split(/`([^`]+)`/).map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

export function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) set(element, name, value);
  return fill(element, children);
}

export function show(element, ...children) {
  element.replaceChildren();
  return fill(element, children);
}

export function byId(id) {
  return document.getElementById(id);
}

// Tells a screen reader, and for a moment the eye, what happened.
export function say(text) {
  const box = byId("said");
  box.textContent = visible(text);
  box.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => box.classList.remove("shown"), 3500);
}

export function selectBox(label, options, chosen, onPick) {
  const box = make("select", { onchange: () => onPick(box.value) });
  for (const [value, text] of options) box.append(new Option(visible(text), value, false, value === chosen));
  return make("label", {}, make("span", {}, label), box);
}

export function formatCount(number) {
  return Number(number).toLocaleString("en");
}

export function formatTime(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  if (Number.isNaN(at.valueOf())) return iso;
  const two = (n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

export const MARKS = { correct: "✓", wrong: "✗", unparsed: "?", truncated: "…", refused: "⊘", infra: "!", unscored: "·" };

export const OUTCOMES = Object.keys(MARKS);

export function markOf(outcome, title) {
  return make("i", { class: "mark " + (outcome || "none"), title: title + ": " + (outcome || "not asked") }, outcome ? MARKS[outcome] || "·" : "");
}

export function pillOf(outcome) {
  return make("span", { class: "pill " + (outcome || "none") }, outcome ? (MARKS[outcome] || "") + " " + outcome : "not asked");
}

// Marks a time that is not the server's, with the reason.
export function invalidMark(model) {
  return model && model.invalid ? make("span", { class: "warn-ink small", title: model.invalid }, " invalid") : null;
}

export function tag(text, kind) {
  return make("span", { class: "tag " + (kind || "") }, text);
}
