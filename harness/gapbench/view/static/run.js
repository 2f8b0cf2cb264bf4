// One run: what the analysis says, its samples, notes and setup.
import { invalidMark, make, sentence, show, formatTime, formatCount, tag } from "./dom.js";
import { load, isExported } from "./store.js";
import { linkTo, goTo } from "./route.js";
import { onKeys } from "./keys.js";
import { gapChart, gapLimit, shareBar, outcomeBar, outcomeLegend } from "./charts.js";
import { reportTable } from "./tables.js";
import { samplesTab } from "./samples.js";
import { notesBox, readNotes } from "./notes.js";

const TABS = [["overview", "Overview"], ["samples", "Samples"], ["notes", "Notes"], ["setup", "Setup"]];

export async function runView(main, key, tab, query) {
  let run = await load(["runs", key]);
  const head = make("div", { class: "page-head" }), tabs = make("nav", { class: "tabs", "aria-label": "Parts of this run" }), pane = make("div", { id: "pane" });
  show(main, head, tabs, pane);
  onKeys(Object.fromEntries(TABS.map(([name, text], place) => [String(place + 1), [text.toLowerCase(), () => goTo(["run", key, name])]])));
  let shown = null;

  function headOf() {
    const simulated = run.models.some((model) => model.simulated), figures = run.figures;
    const done = figures ? figures.models.reduce((sum, model) => sum + (model.done || 0), 0) : null;
    show(head,
      make("h1", {}, run.suite || run.key, " ", simulated && tag("SIMULATED", "sim"), run.live && tag("live", "live")),
      make("p", { class: "soft small" }, run.key, " · ", formatTime(run.started_at), " · ", make("span", { class: "state " + run.state }, run.live ? "running" : run.state), run.reason ? " (" + run.reason + ")" : "",
        done !== null ? [" · ", formatCount(done), " of ", formatCount(run.planned), " requests"] : "", figures && figures.shown_spent !== "–" ? [" · ", figures.shown_spent, " spent"] : "",
        isExported() ? "" : [" · ", make("a", { href: "report/" + encodeURIComponent(run.key), target: "_blank", rel: "noopener" }, "report page")]),
      run.live && run.planned ? make("progress", { max: run.planned, value: done || 0, "aria-label": "progress" }) : null);
    show(tabs, TABS.map(([name, text]) => make("a", { href: linkTo(["run", key, name]), "aria-current": name === tab ? "page" : null }, text, name === "notes" && run.notes ? " (" + run.notes + ")" : "")));
  }
  async function draw() {
    if (run.problem) show(pane, make("p", { class: "failed" }, run.problem));
    else if (tab === "samples") shown = await samplesTab(pane, run, query);
    else if (tab === "notes") await notesTab();
    else if (tab === "setup") show(pane, setupOf(run.facts));
    else show(pane, overview(run));
  }
  async function notesTab() {
    const notes = await readNotes(key);
    show(pane, notesBox(key, notes, null, [], async () => { await notesTab(); run = await load(["runs", key]); headOf(); }));
  }
  headOf();
  await draw();
  return {
    title: run.suite || key,
    crumbs: [[run.suite || key, linkTo(["run", key])]],
    async refresh() {
      const fresh = await load(["runs", key], { seen: run.version });
      if (!fresh.unchanged) {
        const grew = fresh.version.split("-")[0] !== run.version.split("-")[0];
        run = fresh;
        headOf();
        if (tab === "overview" || !tab) show(pane, overview(run));
        else if (tab === "samples" && grew && shown) await shown.refresh();
      }
      return run.live || run.status === "pending" || run.status === "old";
    },
  };
}

function overview(run) {
  const figures = run.figures;
  if (!figures) {
    const failed = run.status.startsWith("failed");
    return make("p", { class: failed ? "failed" : "soft", role: "status" }, failed ? "The figures of this run cannot be computed: " + run.status.slice(8) : "Computing the figures of this run; the samples are there already …");
  }
  if (figures.empty) return make("p", { class: "soft" }, "No answer yet.");
  const warnings = [...figures.fairness, ...figures.warnings];
  return [
    make("section", { "aria-label": "Answer" }, make("dl", { class: "verdict answer-lines " + figures.side }, figures.answer.map(([label, text]) => make("div", {}, make("dt", {}, label), make("dd", {}, sentence(text))))),
      run.status === "old" && make("p", { class: "soft small" }, "Of the answers so far; newer ones are being added."),
      warnings.length > 0 && make("details", { open: warnings.length <= 3 }, make("summary", {}, warnings.length === 1 ? "1 caveat" : warnings.length + " caveats"), make("ul", { class: "said" }, warnings.map((line) => make("li", {}, sentence(line)))))),
    modelsOf(run, figures),
    gapsOf(figures),
    tasksOf(run, figures),
    figures.tables.map((table) => make("details", { class: "report-table" }, make("summary", {}, table.title), table.lead && make("p", { class: "soft small" }, sentence(table.lead)), reportTable(table), table.notes.map((note) => make("p", { class: "soft small" }, sentence(note))))),
  ];
}

function modelsOf(run, figures) {
  const partial = figures.models.some((model) => model.partial_credit);
  const rows = figures.models.map((model) => make("tr", {},
    make("td", { class: "full" }, make("a", { href: linkTo(["run", run.key, "samples"], { model: [model.model_id] }), class: model.weights + "-ink strong" }, model.model_id), make("br"), make("span", { class: "soft small" }, model.weights)),
    make("td", { "data-l": partial ? "score" : "accuracy" }, shareBar(model, "accuracy", model.weights), make("span", { class: "small" }, model.shown.accuracy)),
    make("td", { class: "full" }, outcomeBar(model)),
    make("td", { class: "num", "data-l": "p95" }, model.shown.response_p95_s, model.invalid && [make("br"), invalidMark(model)]),
    make("td", { class: "num", "data-l": "$/1k tasks" }, model.shown.usd_per_task), make("td", { class: "num", "data-l": "$/1k correct" }, model.shown.usd_per_correct),
    make("td", { class: "num", "data-l": "coverage" }, model.shown.coverage), make("td", { class: "num", "data-l": "done" }, model.shown.done)));
  const heads = ["model", (partial ? "score" : "accuracy") + " % (95 %)", "outcomes", "response p95", "$/1k tasks", "$/1k correct", "coverage", "done"];
  return make("section", {}, make("h2", {}, "Models"), make("div", { class: "scroll" }, make("table", { class: "stack" }, make("thead", {}, make("tr", {}, heads.map((text, place) => make("th", { scope: "col", class: place > 2 ? "num" : "" }, text)))), make("tbody", {}, rows))), outcomeLegend(figures.models));
}

function gapsOf(figures) {
  const rows = figures.gaps.filter((row) => row.metric === "accuracy");
  if (!rows.length) return null;
  const limit = gapLimit(rows);
  const body = rows.map((row) => make("tr", {}, make("td", { class: "full" }, make("b", {}, row.category)),
    make("td", { "data-l": "closed" }, make("span", { class: "closed-ink" }, row.closed_model), " ", row.shown.closed), make("td", { "data-l": "open" }, make("span", { class: "open-ink" }, row.open_model), " ", row.shown.open),
    make("td", { class: "full" }, gapChart(row, limit, figures.margin_points, 240)), make("td", { class: "num", "data-l": "gap" }, make("b", {}, row.shown.gap)), make("td", { class: "num", "data-l": "interval" }, row.shown.interval), make("td", { "data-l": "verdict" }, row.verdict), make("td", { class: "num", "data-l": "pairs" }, formatCount(row.n_pairs))));
  return make("section", {}, make("h2", {}, "Gap in accuracy"), make("p", { class: "soft small" }, `Closed minus open, in points, on the same requests. The band: ${figures.margin_points} points either way, which make no difference to you. Axis: ${limit} points either way.`),
    make("div", { class: "scroll" }, make("table", { class: "stack" }, make("thead", {}, make("tr", {}, ["category", "closed", "open", "← open better · closed better →", "gap", "interval", "verdict", "pairs"].map((text) => make("th", { scope: "col", class: ["gap", "interval", "pairs"].includes(text) ? "num" : "" }, text)))), make("tbody", {}, body))));
}

// Tasks by models: each cell leads to the samples behind it.
function tasksOf(run, figures) {
  const tasks = [...new Set(figures.by_task.map((row) => row.task))], models = figures.models.map((model) => model.model_id);
  if (!tasks.length) return null;
  const find = (task, model) => figures.by_task.find((row) => row.task === task && row.model_id === model);
  const cell = (task, model) => {
    const row = find(task, model);
    if (!row || row.accuracy === null) return make("td", { class: "num" }, "–");
    const level = Math.round(row.accuracy * 10);
    return make("td", { class: "num heat heat-" + level }, make("a", { href: linkTo(["run", run.key, "samples"], { task, model: [model], outcome: "wrong" }), title: `${row.scored} scored; opens the wrong answers` }, (row.accuracy * 100).toFixed(1)));
  };
  return make("section", {}, make("h2", {}, "Tasks"), make("p", { class: "soft small" }, "Accuracy in percent. A figure opens the wrong answers behind it."),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "accuracy by task" }, make("table", { class: "heatmap" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "task"), models.map((model) => make("th", { class: "num", scope: "col" }, model)))),
      make("tbody", {}, tasks.map((task) => make("tr", {}, make("th", { scope: "row" }, make("a", { href: linkTo(["run", run.key, "samples"], { task }) }, task)), models.map((model) => cell(task, model))))))));
}

function rowsOf(rows) {
  return make("dl", {}, rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, sentence(text))]));
}

function setupOf(facts) {
  const section = (title, body) => make("section", {}, make("h2", {}, title), body);
  return [
    section("Run", rowsOf(facts.run)),
    (facts.models || []).length > 0 && section("Models", facts.models.map((model) => make("details", { open: true }, make("summary", {}, make("b", { class: model.weights + "-ink" }, model.id), " ", make("span", { class: "soft" }, model.weights)), rowsOf(model.rows)))),
    (facts.tasks || []).length > 0 && section("Tasks", facts.tasks.map((task) => make("details", {}, make("summary", {}, task.id), rowsOf(task.rows)))),
    (facts.machine || []).length > 0 && section("Machine", rowsOf(facts.machine)),
    (facts.versions || []).length > 0 && section("Versions", rowsOf(facts.versions)),
  ];
}
