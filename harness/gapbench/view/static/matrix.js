// A list of samples with the outcome of every model, page by page, and its keys.
import { make, show, formatCount, markOf } from "./dom.js";
import { addKeys } from "./keys.js";

export const PAGE = 100;

// options: fetchPage(offset) -> page, rowMarks(row) -> [[outcome, title]], open(row), sameRow(row, other) -> bool.
export function sampleMatrix(options) {
  const box = make("div", { class: "matrix", id: "sample-list", role: "listbox", tabindex: "0", "aria-label": "Samples" });
  const found = make("span", { id: "found", role: "status" });
  const back = make("button", { onclick: () => turn(-1), "aria-label": "page before" }, "‹"), on = make("button", { onclick: () => turn(1), "aria-label": "next page" }, "›");
  const pager = make("div", { class: "pager" }, back, on, found);
  const state = { page: null, at: -1, offset: 0, generation: 0 };

  function row(sample, place) {
    const marks = options.rowMarks(sample);
    const element = make("div", { class: "sample-row" + (sample.differs ? " differs" : ""), id: "sample-" + place, role: "option", "aria-selected": String(place === state.at) },
      make("span", { class: "sample-id" }, sample.sample_id, sample.repeat ? " · repeat " + sample.repeat : ""),
      make("span", { class: "marks" }, marks.map((group) => make("span", { class: "mark-group" }, group.map(([outcome, title]) => markOf(outcome, title))))),
      make("span", { class: "soft small task-name" }, sample.task, " · ", sample.load),
      sample.snippet && make("span", { class: "small snippet" }, make("span", { class: "soft" }, sample.snippet.where, ": "), "… ", sample.snippet.text, " …"));
    element.addEventListener("click", () => choose(place));
    return element;
  }

  function list() {
    const { page } = state;
    show(box, page.rows.map(row), !page.rows.length && make("p", { class: "soft empty" }, page.of ? "No sample matches." : "No sample yet."));
    const last = Math.min(page.total, page.offset + page.rows.length);
    show(found, page.total ? `${formatCount(page.offset + 1)}–${formatCount(last)} of ${formatCount(page.total)}` : "0", page.total !== page.of ? ` (${formatCount(page.of)} in all)` : "",
      page.searched_share !== undefined && page.searched_share < 1 ? ` · searched ${Math.floor(page.searched_share * 100)} % …` : "");
    back.disabled = page.offset === 0;
    on.disabled = last >= page.total;
    mark();
  }
  function mark() {
    [...box.children].forEach((element, place) => element.setAttribute("aria-selected", String(place === state.at)));
    const chosen = box.children[state.at];
    if (state.at >= 0) box.setAttribute("aria-activedescendant", "sample-" + state.at); else box.removeAttribute("aria-activedescendant");
    if (!chosen || chosen.getAttribute("role") !== "option") return;
    // Not scrollIntoView: that would move the whole page as well.
    const top = chosen.offsetTop - box.offsetTop, bottom = top + chosen.offsetHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }
  function choose(place, byReader = true) {
    if (!state.page || !state.page.rows.length) return;
    state.at = Math.max(0, Math.min(state.page.rows.length - 1, place));
    mark();
    options.open(state.page.rows[state.at], byReader);
  }
  async function turn(step, at) {
    await go(Math.max(0, state.offset + step * PAGE));
    choose(at ?? 0);
  }
  // Rows may arrive late; only the newest question is answered.
  async function go(offset) {
    const generation = ++state.generation;
    box.setAttribute("aria-busy", "true");
    try {
      const page = await options.fetchPage(offset);
      if (generation !== state.generation) return false;
      Object.assign(state, { page, offset, at: -1 });
      list();
      if (page.searched_share !== undefined && page.searched_share < 1) goOn(generation, offset);
    } catch (error) {
      if (generation !== state.generation || error.name === "AbortError") return false;
      show(box, make("p", { class: "failed empty" }, error.message));
      show(found, "");
      return false;
    } finally {
      if (generation === state.generation) box.removeAttribute("aria-busy");
    }
    return true;
  }
  async function goOn(generation, offset) {
    await new Promise((done) => setTimeout(done, 300));
    if (generation !== state.generation || !box.isConnected) return;
    try {
      const page = await options.fetchPage(offset);
      if (generation !== state.generation) return;
      const before = state.page.rows[state.at];
      state.page = page;
      state.at = before ? page.rows.findIndex((row) => options.sameRow(row, before)) : -1;
      list();
      if (state.at < 0 && page.rows.length) choose(0, false);
      if (page.searched_share < 1) goOn(generation, offset);
    } catch (error) { show(found, error.message); }
  }
  async function move(step) {
    const place = state.at + step, rows = state.page ? state.page.rows.length : 0;
    if (place < 0 && state.offset > 0) await turn(-1, PAGE - 1);
    else if (place >= rows && state.offset + rows < (state.page ? state.page.total : 0)) await turn(1, 0);
    else choose(place);
  }
  addKeys({
    j: ["next sample", () => move(1)], ArrowDown: ["", () => move(1)], k: ["sample before", () => move(-1)], ArrowUp: ["", () => move(-1)],
    PageDown: ["", () => !on.disabled && turn(1)], PageUp: ["", () => !back.disabled && turn(-1)], Home: ["", () => choose(0)], End: ["", () => choose(Infinity)],
  });
  return {
    element: make("div", { class: "list-side" }, pager, box),
    box,
    // Shows the page at an offset and opens a row of it: the one that isWanted, else the first (unless there is no row).
    async start(offset, isWanted) {
      if (!await go(offset)) return;
      const place = isWanted ? state.page.rows.findIndex(isWanted) : 0;
      if (place >= 0) choose(place, false);
    },
    async refresh() {
      const before = state.page && state.page.rows[state.at];
      if (!await go(state.offset)) return;
      state.at = before ? state.page.rows.findIndex((row) => options.sameRow(row, before)) : -1;
      mark();
    },
    get page() { return state.page; },
  };
}

// Which models are looked at: chips to switch.
export function modelChips(models, weights, chosen, onChange) {
  return make("div", { class: "chips", role: "group", "aria-label": "models" }, models.map((id) => {
    const on = !chosen.length || chosen.includes(id);
    return make("button", { class: "chip " + (weights[id] || ""), "aria-pressed": String(on), onclick: () => {
      const next = models.filter((other) => other === id ? !on : !chosen.length || chosen.includes(other));
      onChange(next.length === models.length || !next.length ? [] : next);
    } }, id);
  }));
}
