// Chooses the view by the address, and keeps it fresh while a run is in progress.
import { make, show, byId } from "./dom.js";
import { readRoute, goTo, linkTo } from "./route.js";
import { startKeys, onKeys, showKeys } from "./keys.js";
import { runsView } from "./runs.js";
import { runView } from "./run.js";
import { compareView } from "./compare.js";
import { searchView } from "./search.js";
import { trendView } from "./trend.js";

const BUSY_MS = 2000, QUIET_MS = 10000;
let view = null, generation = 0, timer = null;

function barOf(crumbs) {
  const search = make("input", { type: "search", id: "search-all", placeholder: "search all runs", "aria-label": "search the texts of all runs" });
  show(byId("bar"), make("a", { class: "brand", href: linkTo([]) }, "gapbench"),
    make("nav", { "aria-label": "Where you are" }, make("a", { href: linkTo([]) }, "Runs"), crumbs.map(([text, href]) => [make("span", { class: "soft", "aria-hidden": "true" }, " / "), make("a", { href }, text)])),
    make("form", { role: "search", onsubmit: (event) => { event.preventDefault(); if (search.value.trim()) goTo(["search"], { q: search.value.trim() }); } }, search),
    make("button", { class: "quiet", "aria-label": "keys", title: "keys (?)", onclick: showKeys }, "?"));
}

async function openView() {
  // Each view has its own element: one that is late writes into an element that is gone.
  const mine = ++generation, main = make("div", { class: "view" }), { parts, query } = readRoute();
  show(byId("main"), main);
  clearTimeout(timer);
  view = null;
  delete document.body.dataset.ready;
  onKeys({});
  barOf([]);
  try {
    let opened;
    if (parts[0] === "run" && parts[1]) opened = await runView(main, parts[1], parts[2] || "overview", query);
    else if (parts[0] === "compare") opened = await compareView(main, query);
    else if (parts[0] === "search") opened = await searchView(main, query);
    else if (parts[0] === "trend") opened = await trendView(main, query);
    else opened = await runsView(main, query);
    if (mine !== generation) return;
    view = opened;
    barOf(view.crumbs || []);
    document.title = view.title + " · gapbench";
    document.body.dataset.ready = parts[0] || "runs";
    timer = setTimeout(refresh, BUSY_MS);
  } catch (error) {
    if (mine === generation) show(main, make("p", { class: "failed" }, error.message), make("p", {}, make("a", { href: linkTo([]) }, "to the list of runs")));
  }
}

async function refresh() {
  const mine = generation;
  let busy = false;
  if (view && view.refresh && !document.hidden) {
    try {
      busy = await view.refresh();
      document.body.classList.remove("lost");
    } catch {
      // The server is gone, or a run was moved; the next look tells.
      document.body.classList.add("lost");
    }
  }
  if (mine === generation) timer = setTimeout(refresh, busy ? BUSY_MS : QUIET_MS);
}

byId("skip").addEventListener("click", (event) => { event.preventDefault(); byId("main").focus(); });
addEventListener("hashchange", openView);
addEventListener("visibilitychange", () => { if (!document.hidden) { clearTimeout(timer); timer = setTimeout(refresh, 0); } });
startKeys();
openView();
