// All runs: filter, sort, pick some to compare.
import { invalidMark, make, show, byId, formatTime, formatCount, tag, selectBox, say } from "./dom.js";
import { load } from "./store.js";
import { goTo, keepInAddress, linkTo } from "./route.js";
import { onKeys } from "./keys.js";
import { gapChart, gapLimit } from "./charts.js";
import { placeTabs, placeKeys } from "./tabs.js";

const SHOWN = 200;

function sideModel(run, side) {
  const gap = run.figures && run.figures.gap, id = gap && gap[side + "_model"];
  return id ? run.figures.models.find((model) => model.model_id === id) : null;
}

function ratioOf(run, name) {
  const closed = sideModel(run, "closed"), open = sideModel(run, "open");
  return closed && open && closed[name] && open[name] ? closed[name] / open[name] : null;
}

const COLUMNS = [
  ["run", "run", (run) => run.started_at || ""],
  ["state", "state", (run) => run.state],
  ["gap", "gap in accuracy", (run) => run.figures && run.figures.gap ? run.figures.gap.gap_points : null],
  ["closed", "closed", (run) => run.figures && run.figures.gap ? run.figures.gap.closed_value : null],
  ["open", "open", (run) => run.figures && run.figures.gap ? run.figures.gap.open_value : null],
  ["speed", "response p95", (run) => ratioOf(run, "response_p95_s")],
  ["cost", "$/1k correct", (run) => ratioOf(run, "usd_per_correct")],
  ["spent", "spent", (run) => run.figures ? run.figures.usd_spent : null],
];

function searchable(run) {
  return [run.key, run.suite, run.state, run.reason, run.figures ? run.figures.headline : "", ...run.models.map((model) => model.id), ...run.tasks].join("\n").toLowerCase();
}

export function chosenRuns(runs, query) {
  const words = (query.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
  const kept = runs.filter((run) => {
    if (query.get("state") && (query.get("state") === "live" ? !run.live : run.state !== query.get("state"))) return false;
    if (query.get("suite") && run.suite !== query.get("suite")) return false;
    if (query.get("model") && !run.models.some((model) => model.id === query.get("model"))) return false;
    const text = words.length ? searchable(run) : "";
    return words.every((word) => text.includes(word));
  });
  const sort = query.get("sort") || "run", falling = (query.get("order") || (sort === "run" ? "falling" : "rising")) === "falling";
  const value = (COLUMNS.find(([name]) => name === sort) || COLUMNS[0])[2];
  // Runs without a value are last in both orders.
  return kept.map((run) => [value(run), run]).sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return (a < b ? -1 : a > b ? 1 : 0) * (falling ? -1 : 1);
  }).map(([, run]) => run);
}

function pair(run, name) {
  const closed = sideModel(run, "closed"), open = sideModel(run, "open");
  if (!closed && !open) return "–";
  const side = (model, ink) => [make("span", { class: ink, title: model ? model.model_id : "" }, model ? model.shown[name] : "–"), name.endsWith("_s") && invalidMark(model)];
  return [side(closed, "closed-ink"), make("br"), side(open, "open-ink")];
}

function gapCell(run, limit) {
  const figures = run.figures;
  if (!figures) return make("span", { class: "soft" }, run.status === "failed" ? "no figures; open the run" : run.problem ? "" : "computing …");
  if (!figures.gap) return make("span", { class: "soft" }, figures.empty ? "no answer yet" : "one side only");
  return [gapChart(figures.gap, limit, null), make("span", { class: "gap-words" }, make("b", {}, figures.gap.shown.gap), " ", make("span", { class: "soft" }, figures.gap.verdict))];
}

function sideCell(run, side) {
  const gap = run.figures && run.figures.gap;
  return gap ? [make("b", {}, gap.shown[side]), make("br"), make("span", { class: side + "-ink small" }, gap[side + "_model"])] : "–";
}

function progressOf(run) {
  const models = run.figures ? run.figures.models : [];
  const done = models.reduce((sum, model) => sum + (model.done || 0), 0);
  return run.live && run.planned ? make("progress", { max: run.planned, value: done, "aria-label": `${formatCount(done)} of ${formatCount(run.planned)} requests` }) : null;
}

function runRow(run, place, state) {
  const open = linkTo(["run", run.key]);
  const box = make("input", { type: "checkbox", "aria-label": "compare " + run.key, onchange: () => state.toggle(run.key) });
  box.checked = state.picked.has(run.key);
  const simulated = run.models.some((model) => model.simulated), empty = run.figures && run.figures.gap ? "" : " empty-cell";
  const cells = [
    make("td", { class: "pick" }, box),
    make("td", { class: "name" },
      make("a", { href: open }, run.suite || run.key), " ", simulated && tag("SIMULATED", "sim"), run.live && tag("live", "live"),
      run.notes > 0 && tag(run.notes === 1 ? "1 note" : run.notes + " notes", "note"), make("br"),
      make("span", { class: "soft small", title: run.key }, formatTime(run.started_at), " · ", run.models.length, " models · ", formatCount(run.planned || 0), " requests")),
    make("td", { "data-l": "state" }, make("span", { class: "state " + run.state, title: run.problem || run.reason || "" }, run.live ? "running" : run.state), progressOf(run)),
    make("td", { class: "gap", "data-l": "gap" }, gapCell(run, state.limit)),
    make("td", { class: "num" + empty, "data-l": "closed" }, sideCell(run, "closed")),
    make("td", { class: "num" + empty, "data-l": "open" }, sideCell(run, "open")),
    make("td", { class: "num" + empty, "data-l": "p95" }, pair(run, "response_p95_s")),
    make("td", { class: "num" + empty, "data-l": "$/1k correct" }, pair(run, "usd_per_correct")),
    make("td", { class: "num" + empty, "data-l": "spent" }, run.figures ? run.figures.shown_spent : "–"),
  ];
  const row = make("tr", { tabindex: place === state.at ? "0" : "-1", "data-key": run.key, "aria-selected": String(state.picked.has(run.key)) }, cells);
  row.addEventListener("click", (event) => { if (!event.target.closest("a, input")) goTo(["run", run.key]); });
  row.addEventListener("focus", () => state.moveTo(place, false));
  return row;
}

export async function runsView(main, query) {
  let listed = await load(["runs"]);
  const state = { picked: new Set(query.getAll("pick")), at: 0, limit: 5, shown: SHOWN, chosen: [] };
  const head = make("div", { class: "page-head" }), controls = make("div", { class: "controls" });
  const table = make("table", { class: "runs stack" }), found = make("p", { class: "soft found" }), compare = make("div", { class: "pick-bar" });
  const more = make("button", { class: "more", onclick: () => { state.shown += SHOWN; list(); } }, "Show more");
  show(main, head, placeTabs("Runs"), controls, compare, found, make("div", { class: "scroll" }, table), more);

  const keep = () => keepInAddress([], { ...Object.fromEntries(query), pick: [...state.picked] });
  const change = (name, value) => {
    if (value) query.set(name, value); else query.delete(name);
    state.at = 0;
    state.shown = SHOWN;
    keep();
    list();
  };
  state.toggle = (key) => {
    if (state.picked.has(key)) state.picked.delete(key); else state.picked.add(key);
    keep();
    list();
  };
  state.moveTo = (place, focus = true) => {
    const rows = table.tBodies[0] ? [...table.tBodies[0].rows] : [];
    if (!rows.length) return;
    state.at = Math.max(0, Math.min(rows.length - 1, place));
    rows.forEach((row, number) => { row.tabIndex = number === state.at ? 0 : -1; });
    if (focus) { rows[state.at].focus({ preventScroll: true }); rows[state.at].scrollIntoView({ block: "nearest" }); }
  };

  function controlsOf() {
    const runs = listed.runs, unique = (values) => [...new Set(values)].sort();
    const filter = make("input", { type: "search", placeholder: "suite, model, task, verdict …", value: query.get("q") || "", oninput: () => change("q", filter.value) });
    const states = unique([...runs.map((run) => run.state), ...(runs.some((run) => run.live) ? ["live"] : [])]);
    show(controls, make("label", { class: "wide" }, make("span", {}, "filter"), filter),
      selectBox("suite", [["", "every suite"], ...unique(runs.map((run) => run.suite)).map((name) => [name, name])], query.get("suite") || "", (value) => change("suite", value)),
      selectBox("model", [["", "every model"], ...unique(runs.flatMap((run) => run.models.map((model) => model.id))).map((name) => [name, name])], query.get("model") || "", (value) => change("model", value)),
      selectBox("state", [["", "every state"], ...states.map((name) => [name, name])], query.get("state") || "", (value) => change("state", value)));
  }

  function header() {
    const sort = query.get("sort") || "run", falling = (query.get("order") || (sort === "run" ? "falling" : "rising")) === "falling";
    const cell = ([name, text]) => {
      const on = name === sort, flip = () => {
        query.set("sort", name);
        change("order", on ? (falling ? "rising" : "falling") : name === "run" ? "falling" : "rising");
        table.tHead.querySelector(`[data-sort=${name}]`).focus();
      };
      return make("th", { scope: "col", "aria-sort": on ? (falling ? "descending" : "ascending") : null, class: ["run", "state", "gap"].includes(name) ? "" : "num" },
        make("button", { class: "sort", "data-sort": name, onclick: flip }, text, on ? (falling ? " ↓" : " ↑") : ""));
    };
    return make("thead", {}, make("tr", {}, make("th", {}, make("span", { class: "hidden" }, "compare")), COLUMNS.map(cell)));
  }

  function list() {
    const focused = document.activeElement && table.contains(document.activeElement) && document.activeElement.tagName === "TR";
    state.chosen = chosenRuns(listed.runs, query);
    state.limit = gapLimit(state.chosen.map((run) => run.figures && run.figures.gap).filter(Boolean));
    const rows = state.chosen.slice(0, state.shown);
    show(table, header(), make("tbody", {}, rows.map((run, place) => runRow(run, place, state))));
    show(found, formatCount(state.chosen.length), " of ", formatCount(listed.runs.length), listed.runs.length === 1 ? " run" : " runs",
      state.chosen.length ? "" : ". Nothing matches; clear the filter.");
    more.hidden = state.chosen.length <= state.shown;
    const picked = [...state.picked];
    compare.hidden = !picked.length;
    show(compare, picked.length, picked.length === 1 ? " run picked" : " runs picked", " ",
      make("button", { class: "main", disabled: picked.length < 2 || picked.length > 8, onclick: compareNow }, "Compare"), " ",
      make("button", { onclick: () => { state.picked.clear(); keep(); list(); } }, "Clear"),
      picked.length < 2 && make("span", { class: "soft" }, " pick at least two"), picked.length > 8 && make("span", { class: "soft" }, " at most eight"));
    state.moveTo(state.at, focused);
  }
  function compareNow() {
    const order = state.chosen.map((run) => run.key), picked = [...state.picked];
    if (picked.length < 2 || picked.length > 8) { say("pick two to eight runs with x"); return; }
    // Oldest first: changes are from the older run to the newer one.
    picked.sort((a, b) => started(a).localeCompare(started(b)) || order.indexOf(b) - order.indexOf(a));
    goTo(["compare"], { run: picked });
  }
  const started = (key) => (listed.runs.find((run) => run.key === key) || {}).started_at || "";

  const current = () => state.chosen[state.at];
  onKeys({
    ...placeKeys(),
    j: ["next run", () => state.moveTo(state.at + (table.contains(document.activeElement) ? 1 : 0))], ArrowDown: ["", () => state.moveTo(state.at + (table.contains(document.activeElement) ? 1 : 0))],
    k: ["run before", () => state.moveTo(state.at - 1)], ArrowUp: ["", () => state.moveTo(state.at - 1)],
    Home: ["", () => state.moveTo(0)], End: ["", () => state.moveTo(Infinity)],
    Enter: ["open the run", () => current() && goTo(["run", current().key])],
    x: ["pick the run for a comparison", () => { if (current()) { const at = state.at; state.toggle(current().key); state.moveTo(at); } }],
    c: ["compare the picked runs", compareNow],
  });
  show(head, make("h1", {}, "Runs"), make("p", { class: "soft" }, listed.title));
  controlsOf();
  list();
  return {
    title: "runs",
    async refresh() {
      const fresh = await load(["runs"], { seen: listed.version });
      const busy = listed.runs.some((run) => run.live || run.status === "pending" || run.status === "old");
      if (!fresh.unchanged) {
        const names = (given) => given.runs.map((run) => run.key).join("\n");
        const isNew = names(fresh) !== names(listed);
        listed = fresh;
        if (isNew) controlsOf();
        list();
      }
      return busy;
    },
  };
}
