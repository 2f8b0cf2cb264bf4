// Notes on a run or a sample, kept next to the run.
import { make, show, formatTime, say } from "./dom.js";
import { load, send, isExported } from "./store.js";
import { sampleLink } from "./route.js";

export async function readNotes(key) {
  return (await load(["runs", key, "notes"])).notes;
}

export function isAbout(note, row) {
  return note.task === row.task && note.sample_id === row.sample_id && (note.repeat ?? 0) === row.repeat && (!note.load || note.load === row.load);
}

function noteItem(key, note, onChange, withLink) {
  const about = note.sample_id !== undefined && withLink
    ? make("a", { href: sampleLink(key, { task: note.task, sample_id: note.sample_id, repeat: note.repeat ?? 0, load: note.load || "" }) }, note.sample_id, note.task ? " of " + note.task : "") : null;
  const remove = make("button", { class: "quiet", "aria-label": "delete this note", onclick: async () => {
    try {
      await send("DELETE", ["runs", key, "notes", note.id]);
      say("Note deleted.");
      onChange();
    } catch (error) { say(error.message); }
  } }, "Delete");
  return make("li", {}, make("p", { class: "note-text" }, note.text),
    make("p", { class: "soft small" }, formatTime(note.at), note.model_id ? [" · ", note.model_id] : "", about ? [" · ", about] : "", isExported() ? "" : [" ", remove]));
}

// The notes of a run (row null) or of one sample, with a field for another.
export function notesBox(key, notes, row, models, onChange) {
  const shown = row ? notes.filter((note) => isAbout(note, row)) : notes;
  const list = make("ul", { class: "notes" }, shown.map((note) => noteItem(key, note, onChange, row === null)));
  const box = make("section", { class: "note-box", "aria-label": "Notes" }, make("h3", {}, "Notes"), list);
  if (isExported()) {
    if (!shown.length) show(list, make("li", { class: "soft" }, "No notes."));
    return box;
  }
  const text = make("textarea", { rows: 2, maxlength: 10000, "aria-label": "new note", placeholder: row ? "A note on this sample (n)" : "A note on this run (n)", class: "note-field" });
  const model = row && models.length ? make("select", { "aria-label": "which answer" }, make("option", { value: "" }, "the sample"), models.map((id) => make("option", { value: id }, id))) : null;
  const add = async (event) => {
    event.preventDefault();
    const given = { text: text.value };
    if (row) Object.assign(given, { task: row.task, sample_id: row.sample_id, repeat: row.repeat, load: row.load });
    if (model && model.value) given.model_id = model.value;
    try {
      await send("POST", ["runs", key, "notes"], given);
      text.value = "";
      say("Note kept.");
      onChange();
    } catch (error) { say(error.message); }
  };
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) add(event); });
  box.append(make("form", { onsubmit: add }, text, make("div", { class: "note-actions" }, model, make("button", {}, "Add note"), make("span", { class: "soft small" }, "Ctrl+Enter"))));
  return box;
}
