// Quality, speed and cost night by night: what changed, a chart of each figure, and the table of nights.
import { make, sentence, show, selectBox, tag } from "./dom.js";
import { load, isExported } from "./store.js";
import { keepInAddress, linkTo } from "./route.js";
import { onKeys } from "./keys.js";
import { drawn } from "./charts.js";
import { reportTable } from "./tables.js";
import { placeTabs, placeKeys } from "./tabs.js";

const SPANS = ["10", "30", "60", "120", "365"];

export async function trendView(main, query) {
  const listed = await load(["runs"]);
  const suites = [...new Set(listed.runs.filter((run) => run.state === "complete").map((run) => run.suite))];
  const settings = { suite: query.get("suite") || suites[0] || "", last: SPANS.includes(query.get("last")) ? query.get("last") : "30" };
  const controls = make("div", { class: "controls" }), pane = make("div", { id: "pane" });
  let found = null;
  show(main, make("div", { class: "page-head" }, make("h1", {}, "Trend"), make("p", { class: "soft" }, listed.title)), placeTabs("Trend"), controls, pane);
  onKeys(placeKeys());
  function set(name, value) {
    settings[name] = value;
    found = null;
    keepInAddress(["trend"], settings);
    show(pane, make("p", { class: "soft", role: "status" }, "Computing the trend …"));
    follow().catch(() => {});
  }
  async function follow() {
    if (await update() && pane.isConnected) setTimeout(follow, 1000);
  }
  // Trends may arrive late; only the newest question is answered.
  async function update() {
    const asked = settings.suite + "\n" + settings.last;
    try {
      const fresh = await load(["trend"], { ...settings, seen: found && found.version });
      if (asked !== settings.suite + "\n" + settings.last) return true;
      if (!fresh.unchanged) draw(fresh);
    } catch (error) {
      if (found) throw error;
      show(pane, make("p", { class: "failed" }, error.message));
    }
    return found !== null && found.status === "pending";
  }
  function draw(fresh) {
    const before = found && found.trend;
    found = fresh.status === "pending" && before ? { ...fresh, trend: before } : fresh;
    if (found.trend) show(pane, trendParts(found.trend), found.status === "pending" && make("p", { class: "soft small" }, "Of the nights so far; a newer one is being added."));
    else if (found.status === "pending") show(pane, make("p", { class: "soft", role: "status" }, "Computing the trend …"));
    else show(pane, make("p", { class: "failed" }, "The trend cannot be computed: " + found.status.slice(8)));
  }
  const known = suites.includes(settings.suite) || !settings.suite ? suites : [settings.suite, ...suites];
  show(controls, selectBox("suite", known.map((name) => [name, name]), settings.suite, (value) => set("suite", value)),
    isExported() ? "" : selectBox("nights", SPANS.map((count) => [count, "the newest " + count]), settings.last, (value) => set("last", value)));
  await update();
  return { title: "trend", crumbs: [["Trend", linkTo(["trend"], settings)]], refresh: update };
}

function trendParts(trend) {
  const mark = trend.simulated && tag("SIMULATED", "sim");
  return [
    make("section", { "aria-label": "Changes" }, make("p", { class: "verdict " + trend.tone }, sentence(trend.headline), " ", mark),
      trend.changes.length > 0 && make("ul", { class: "said" }, trend.changes.map((change) => make("li", { class: change.tone }, make("b", { class: change.side + "-ink" }, change.side), " ", sentence(change.text)))),
      make("p", { class: "soft small" }, trend.search_note)),
    trend.models.map((model) => make("section", {}, make("h2", {}, make("span", { class: model.side + "-ink" }, model.id), " ", make("span", { class: "soft small" }, model.side), " ", mark && tag("SIMULATED", "sim")),
      make("div", { class: "trends" }, model.charts.map((chart) => make("figure", {}, make("figcaption", {}, chart.name), drawn(chart.drawing)))))),
    trend.models.length > 0 && make("p", { class: "soft small" }, trend.chart_note),
    make("section", { "aria-label": "Nights" }, make("h2", {}, "Nights ", mark && tag("SIMULATED", "sim")), reportTable(trend.table),
      trend.warnings.length > 0 && make("ul", { class: "said" }, trend.warnings.map((line) => make("li", {}, sentence(line))))),
  ];
}
