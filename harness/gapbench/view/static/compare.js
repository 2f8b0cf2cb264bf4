// Several runs side by side: figures, what changed, and the samples of all with what differs.
import { invalidMark, make, sentence, show, OUTCOMES, formatTime, selectBox, tag, byId } from "./dom.js";
import { load } from "./store.js";
import { keepInAddress, linkTo, sampleLink } from "./route.js";
import { onKeys, addKeys } from "./keys.js";
import { sampleMatrix, PAGE } from "./matrix.js";
import { promptBox, answerBox, textBox } from "./answers.js";
import { plainTarget } from "./samples.js";
import { shareBar } from "./charts.js";

const LETTERS = "ABCDEFGH";

export async function compareView(main, query) {
  const keys = query.getAll("run");
  if (keys.length < 2) {
    show(main, make("p", { class: "failed" }, "A comparison needs two runs. Pick them in the list of runs."));
    return { title: "comparison" };
  }
  const settings = Object.fromEntries(["q", "task", "outcome", "differs", "model", "diff"].map((name) => [name, query.get(name) || ""]));
  if (!query.has("differs")) settings.differs = "1";
  if (!query.has("diff")) settings.diff = "1";
  const head = make("div", { class: "page-head" }, make("h1", {}, "Comparison")), figures = make("section", {}, make("p", { class: "soft" }, "Comparing …")), samples = make("section", { class: "wide-section" });
  show(main, head, figures, samples);
  onKeys({});
  let loaded = await load(["compare"], { run: keys });
  const changes = keys.map((key, place) => place ? "loading" : null);
  const runs = () => loaded.runs;
  const keep = () => keepInAddress(["compare"], { run: keys, ...settings, differs: settings.differs || "0", diff: settings.diff || "0" });

  function drawFigures() {
    const ids = [...new Set(runs().flatMap((run) => run.models.map((model) => model.id)))];
    const figureOf = (run, id) => run.figures && run.figures.models.find((model) => model.model_id === id);
    const headCell = (run, place) => make("th", { scope: "col" }, make("b", { class: "letter" }, LETTERS[place]), " ", make("a", { href: linkTo(["run", run.key]) }, run.suite || run.key), run.models.some((model) => model.simulated) && tag("SIMULATED", "sim"), make("br"), make("span", { class: "soft small" }, formatTime(run.started_at), " · ", run.state));
    const cell = (run, id) => {
      const model = figureOf(run, id);
      if (!model) return make("td", { class: "soft" }, run.models.some((other) => other.id === id) ? (run.status === "pending" ? "computing …" : "–") : "not in this run");
      return make("td", {}, shareBar(model, "accuracy", model.weights), make("b", {}, model.shown.accuracy), make("br"), make("span", { class: "soft small" }, "p95 ", model.shown.response_p95_s, invalidMark(model), " · ", model.shown.usd_per_correct, " per 1k correct"));
    };
    const verdicts = make("tr", {}, make("th", { scope: "row" }, "verdict"), runs().map((run) => make("td", { class: "words" }, run.figures ? run.figures.headline : "computing …")));
    show(figures, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "figures of the runs" }, make("table", { class: "side-by-side" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "accuracy % (95 %)"), runs().map(headCell))), make("tbody", {}, ids.map((id) => make("tr", {}, make("th", { scope: "row" }, id), runs().map((run) => cell(run, id)))), verdicts))), changesBox);
    drawChanges();
  }
  const changesBox = make("div", {});
  function drawChanges() {
    show(changesBox, changes.map((change, place) => {
      if (!change) return null;
      const title = `From A to ${LETTERS[place]}`;
      if (change === "loading") return make("p", { class: "soft" }, title, ": computing what changed …");
      if (change.error) return make("details", { open: true }, make("summary", {}, title), make("p", { class: "soft" }, change.error));
      const heads = ["model", "A", LETTERS[place], "change", "95 %", "flips", "noise", "$/task A", "$/task " + LETTERS[place], "verdict"];
      const rows = change.models.map((row) => make("tr", {}, make("th", { scope: "row" }, row.model_id), [row.before, row.after, row.change, row.interval, row.flips, row.noise, row.usd_before, row.usd_after].map((text) => make("td", { class: "num" }, text)), make("td", {}, row.verdict)));
      return make("details", { open: place === 1 }, make("summary", {}, title),
        make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, make("table", {}, make("thead", {}, make("tr", {}, heads.map((text, at) => make("th", { scope: "col", class: at > 0 && at < 9 ? "num" : "" }, text)))), make("tbody", {}, rows))),
        change.changes.length ? make("ul", { class: "said" }, change.changes.map((row) => make("li", {}, make("b", {}, row.kind), " ", row.what, ": ", make("del", {}, row.before), " ", make("ins", {}, row.after)))) : make("p", { class: "soft small" }, "Nothing that is recorded changed between these runs."),
        change.warnings.map((line) => make("p", { class: "soft small" }, sentence("Note: " + line))));
    }));
  }
  async function loadChanges() {
    for (let place = 1; place < keys.length; place++) {
      try { changes[place] = await load(["compare", "changes"], { run: [keys[0], keys[place]] }); } catch (error) { changes[place] = { error: error.message }; }
      drawChanges();
    }
  }

  const controls = make("div", { class: "controls" }), detail = make("div", { class: "detail", id: "sample", tabindex: "-1" }, make("p", { class: "soft" }, "Choose a sample.")), note = make("p", { class: "soft small" });
  let terms = [], names = [], opened = null, waiting = null;
  const list = sampleMatrix({
    async fetchPage(offset) {
      const page = await load(["compare", "samples"], { run: keys, q: settings.q, task: settings.task, outcome: settings.outcome, differs: settings.differs === "1", offset, limit: PAGE });
      terms = page.terms || [];
      names = page.models;
      show(note, page.ignores_load ? "The runs have different loads; samples are matched without them. " : "", page.of === 0 ? "These runs have no sample in common." : "");
      return page;
    },
    rowMarks: (row) => row.outcomes.map((outcomes, place) => outcomes.map((outcome, at) => [outcome, `${LETTERS[place]} ${names[place][at]}`]).filter((_, at) => !settings.model || names[place][at] === settings.model)),
    open: (row, byReader) => openSample(row, byReader),
    sameRow: (row, other) => row.items.join() === other.items.join(),
  });
  function set(name, value) {
    settings[name] = value;
    keep();
    if (name === "model") { list.start(list.page ? list.page.offset : 0); return; }
    list.start(0);
  }
  function drawControls() {
    const search = make("input", { type: "search", placeholder: "words in prompts and answers", value: settings.q, oninput: () => { clearTimeout(waiting); waiting = setTimeout(() => set("q", search.value.trim()), 250); } });
    const differs = make("input", { type: "checkbox", onchange: () => set("differs", differs.checked ? "1" : "") });
    differs.checked = settings.differs === "1";
    const tasks = [...new Set(runs().flatMap((run) => run.tasks))], ids = [...new Set(runs().flatMap((run) => run.models.map((model) => model.id)))];
    show(controls, make("label", { class: "wide" }, make("span", {}, "search the texts"), search), selectBox("task", [["", "every task"], ...tasks.map((name) => [name, name])], settings.task, (value) => set("task", value)),
      selectBox("model", [["", "every model"], ...ids.map((name) => [name, name])], settings.model, (value) => set("model", value)),
      selectBox("outcome", [["", "every outcome"], ...OUTCOMES.map((name) => [name, name])], settings.outcome, (value) => set("outcome", value)),
      make("label", { class: "tick-box" }, differs, make("span", {}, "only what differs")));
  }
  async function openSample(row, byReader) {
    const asked = row.items.join();
    openSample.asked = asked;
    try {
      const found = await Promise.all(row.items.map((item, place) => load(["runs", keys[place], "sample"], { item })));
      if (openSample.asked !== asked) return;
      opened = found;
      drawSample();
      if (byReader && innerWidth < 900) detail.scrollIntoView({ block: "start" });
    } catch (error) { if (openSample.asked === asked) show(detail, make("p", { class: "failed" }, error.message)); }
  }
  function drawSample() {
    const columns = opened.flatMap((sample, place) => sample.models.map((id, at) => ({ label: `${LETTERS[place]} · ${id}`, model: id, key: keys[place], item: sample.item, answer: sample.answers[at], run: place })));
    const shown = columns.filter((column) => (!settings.model || column.model === settings.model) && column.answer);
    // Next to each other: the answers of one model in all runs, diffed against the first.
    const ids = [...new Set(shown.map((column) => column.model))];
    const first = opened[0], samePrompt = opened.every((sample) => JSON.stringify(sample.messages) === JSON.stringify(first.messages));
    const diff = make("input", { type: "checkbox", id: "diff", onchange: () => { settings.diff = diff.checked ? "1" : ""; keep(); drawSample(); byId("diff").focus(); } });
    diff.checked = settings.diff === "1";
    show(detail, make("h3", {}, first.sample_id, first.repeat ? " · repeat " + first.repeat : ""),
      make("p", { class: "soft small" }, first.task, " · in ", opened.map((sample, place) => [place ? ", " : "", make("a", { href: sampleLink(keys[place], sample) }, LETTERS[place])])),
      samePrompt ? promptBox(keys[0], first.messages, terms) : opened.map((sample, place) => make("div", {}, make("div", { class: "role" }, "prompt in " + LETTERS[place]), promptBox(keys[place], sample.messages, terms))),
      first.target && make("div", { class: "target" }, make("div", { class: "role" }, "target"), textBox(plainTarget(first.target), null, null, null, "target")),
      make("div", { class: "answer-tools" }, make("label", { class: "tick-box" }, diff, make("span", {}, "diff answers by word (d)"))),
      ids.map((id) => { const row = shown.filter((column) => column.model === id), base = settings.diff === "1" ? row[0] : null; return make("div", { class: "answers" }, row.map((column) => answerBox(column, base, terms))); }));
  }
  addKeys({ d: ["diff the answers", () => { settings.diff = settings.diff === "1" ? "" : "1"; keep(); if (opened) drawSample(); }], f: ["only what differs", () => { set("differs", settings.differs === "1" ? "" : "1"); drawControls(); }] });
  drawFigures();
  drawControls();
  show(samples, make("h2", {}, "Samples"), controls, note, make("div", { class: "browser" }, list.element, detail));
  loadChanges();
  await list.start(0);
  return {
    title: "comparison",
    crumbs: [["Comparison", linkTo(["compare"], { run: keys })]],
    async refresh() {
      const pending = runs().some((run) => run.status === "pending" || run.status === "old" || run.live);
      if (!pending) return false;
      loaded = await load(["compare"], { run: keys });
      drawFigures();
      return true;
    },
  };
}
