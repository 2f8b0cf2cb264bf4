// The samples of one run: the matrix, and one sample with every answer.
import { make, show, OUTCOMES, selectBox, say, byId } from "./dom.js";
import { load, isExported } from "./store.js";
import { keepInAddress, linkTo } from "./route.js";
import { addKeys } from "./keys.js";
import { sampleMatrix, modelChips, PAGE } from "./matrix.js";
import { promptBox, answerBox, textBox } from "./answers.js";
import { notesBox, readNotes } from "./notes.js";

const SORTS = [["order", "as asked"], ["hardest", "hardest first"], ["easiest", "easiest first"], ["id", "by id"]];
const SETTINGS = ["q", "task", "outcome", "differs", "sort", "diff", "base"];

export async function samplesTab(pane, run, query) {
  const models = run.models.map((model) => model.id), weights = Object.fromEntries(run.models.map((model) => [model.id, model.weights]));
  const settings = Object.fromEntries(SETTINGS.map((name) => [name, query.get(name) || ""]));
  let looked = query.getAll("model").filter((id) => models.includes(id)), at = query.getAll("at"), terms = [], sample = null, notes = [], waiting = null;
  const controls = make("div", { class: "controls" }), chips = make("div", {}), detail = make("div", { class: "detail", id: "sample", tabindex: "-1" }, make("p", { class: "soft" }, "Choose a sample."));

  const address = () => ({ ...settings, model: looked, at });
  const keep = () => keepInAddress(["run", run.key, "samples"], address());
  const list = sampleMatrix({
    async fetchPage(offset) {
      const page = await load(["runs", run.key, "samples"], { q: settings.q, task: settings.task, outcome: settings.outcome, differs: settings.differs, sort: settings.sort, model: looked, offset, limit: PAGE });
      terms = page.terms || [];
      return page;
    },
    rowMarks: (row) => [models.map((id, place) => [row.outcomes[place], id]).filter(([, id]) => !looked.length || looked.includes(id))],
    open: (row, byReader) => openSample(row, byReader),
    sameRow: (row, other) => row.item === other.item,
  });

  function set(name, value) {
    settings[name] = value;
    at = [];
    keep();
    restart();
  }
  const restart = () => list.start(0);
  function controlsOf() {
    const search = make("input", { type: "search", placeholder: "words, or \"a phrase\", in prompts and answers", value: settings.q, oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => set("q", search.value.trim()), 250);
    } });
    const differs = make("input", { type: "checkbox", onchange: () => set("differs", differs.checked ? "1" : "") });
    differs.checked = settings.differs === "1";
    show(controls, make("label", { class: "wide" }, make("span", {}, "search the texts"), search),
      selectBox("task", [["", "every task"], ...run.tasks.map((name) => [name, name])], settings.task, (value) => set("task", value)),
      selectBox("outcome", [["", "every outcome"], ...OUTCOMES.map((name) => [name, name])], settings.outcome, (value) => set("outcome", value)),
      selectBox("order", SORTS, settings.sort || "order", (value) => set("sort", value === "order" ? "" : value)),
      make("label", { class: "tick-box" }, differs, make("span", {}, "right for one, wrong for another")));
  }
  function chipsOf() {
    show(chips, modelChips(models, weights, looked, (next) => { looked = next; keep(); chipsOf(); restart(); }));
  }

  async function openSample(row, byReader) {
    at = [row.task, row.sample_id, String(row.repeat), row.load];
    keep();
    const asked = row.item;
    openSample.asked = asked;
    try {
      const [found, kept] = await Promise.all([load(["runs", run.key, "sample"], { item: asked }), readNotes(run.key)]);
      if (openSample.asked !== asked) return;
      sample = found;
      notes = kept;
      draw();
      if (byReader && innerWidth < 900) detail.scrollIntoView({ block: "start" });
    } catch (error) { if (openSample.asked === asked) show(detail, make("p", { class: "failed" }, error.message)); }
  }
  function draw() {
    const link = linkTo(["run", run.key, "samples"], { at, model: looked });
    const columns = models.map((id, place) => ({ label: id, model: id, key: run.key, item: sample.item, answer: sample.answers[place] })).filter((column) => !looked.length || looked.includes(column.model));
    const answered = columns.filter((column) => column.answer && column.answer.reply);
    const base = settings.diff ? answered.find((column) => column.model === settings.base) || answered[0] || null : null;
    const diffBox = make("input", { type: "checkbox", id: "diff", onchange: () => { settings.diff = diffBox.checked ? "1" : ""; keep(); draw(); byId("diff").focus(); } });
    diffBox.checked = Boolean(settings.diff);
    const onNotes = async () => { notes = await readNotes(run.key); draw(); };
    show(detail,
      make("h3", {}, sample.sample_id, sample.repeat ? " · repeat " + sample.repeat : ""),
      make("p", { class: "soft small" }, sample.category, " · ", sample.task, " · ", sample.load, " · ", make("a", { href: link }, "link to this sample"), isExported() ? "" : [" ", make("button", { class: "quiet", onclick: () => copy(link) }, "copy")]),
      promptBox(run.key, sample.messages, terms),
      sample.target && make("div", { class: "target" }, make("div", { class: "role" }, "target"), textBox(plainTarget(sample.target), null, null, null, "target")),
      make("div", { class: "answer-tools" }, make("label", { class: "tick-box" }, diffBox, make("span", {}, "diff answers by word (d)")),
        settings.diff && answered.length > 1 && selectBox("against", answered.map((column) => [column.model, column.model]), base ? base.model : "", (value) => { settings.base = value; keep(); draw(); })),
      make("div", { class: "answers" }, columns.map((column) => answerBox(column, base, terms))),
      notesBox(run.key, notes, sample, models, onNotes));
  }

  addKeys({
    d: ["diff the answers", () => { settings.diff = settings.diff ? "" : "1"; keep(); if (sample) draw(); }],
    f: ["only where models differ", () => { set("differs", settings.differs ? "" : "1"); controlsOf(); }],
    n: ["write a note", () => { const field = detail.querySelector(".note-field"); if (field) field.focus(); }],
    l: ["copy the link to the sample", () => at.length && copy(linkTo(["run", run.key, "samples"], { at, model: looked }))],
  });
  controlsOf();
  chipsOf();
  show(pane, controls, chips, make("div", { class: "browser" }, list.element, detail));
  if (!at.length) await list.start(0);
  else {
    // A link to a sample opens it even if the first page of the list does not have it.
    const [task, id, repeat, load_] = at, wanted = (row) => row.task === task && row.sample_id === id && String(row.repeat) === (repeat || "0") && (!load_ || row.load === load_);
    const opened = load(["runs", run.key, "sample"], { task, id, repeat: repeat || "0", load: load_ || "" }).then((found) => openSample(found, false), (error) => show(detail, make("p", { class: "failed" }, error.message)));
    await list.start(0, wanted);
    await opened;
  }
  return { refresh: () => list.refresh() };
}

export function plainTarget(target) {
  try {
    const value = JSON.parse(target);
    return typeof value === "string" ? value : JSON.stringify(value, null, 1);
  } catch { return target; }
}

export async function copy(link) {
  try {
    await navigator.clipboard.writeText(location.href.split("#")[0] + link);
    say("Link copied.");
  } catch { say("The browser does not allow copying; the link is in the address bar."); }
}
