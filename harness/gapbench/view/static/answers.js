// One request: its prompt, and the answers side by side, diffed by word.
import { make, pillOf, formatCount, visible } from "./dom.js";
import { loadText, mediaUrl } from "./store.js";
import { diffWords } from "./word_diff.js";
import { episodeBox, turnTexts } from "./episode.js";

const PIECE_CHARS = 20000;
const NAMES = { reply: "answer", reasoning: "reasoning", answer: "extracted", reason: "because", error: "error", target: "target" };

// The text with the terms of a search marked.
function markedText(text, terms) {
  if (!terms || !terms.length) return [text];
  const parts = [], lower = text.toLowerCase();
  let at = 0;
  // Lower case can change the length of a text; then nothing is marked.
  if (lower.length !== text.length) return [text];
  while (parts.length < 2000) {
    let next = -1, length = 0;
    for (const term of terms) {
      const found = term ? lower.indexOf(term, at) : -1;
      if (found >= 0 && (next < 0 || found < next)) { next = found; length = term.length; }
    }
    if (next < 0) break;
    parts.push(text.slice(at, next), make("mark", {}, text.slice(next, next + length)));
    at = next + length;
  }
  return [...parts, text.slice(at)];
}

// A long text in pieces, each laid out when it comes into view: as one it would stop the page for many seconds. A piece ends
// after a line, within a longer line after a word, within a longer word anywhere but inside a character.
function textPieces(text) {
  const pieces = [];
  for (let at = 0; at < text.length;) {
    let piece = text.slice(at, at + PIECE_CHARS);
    if (at + piece.length < text.length) piece = piece.slice(0, piece.lastIndexOf("\n") + 1 || piece.lastIndexOf(" ") + 1 || piece.length - /[\uD800-\uDBFF]$/.test(piece));
    pieces.push(make("span", { class: "piece" }, piece));
    at += piece.length;
  }
  return pieces;
}

export function textBox(text, terms, cut, loadWhole, label) {
  const box = make("pre", { tabindex: "0", dir: "auto", "aria-label": label || "text" }, markedText(text, terms));
  if (!cut) return box;
  const more = make("button", { class: "quiet", onclick: async () => {
    more.disabled = true;
    try {
      const whole = await loadWhole();
      box.replaceChildren(...textPieces(whole));
      more.remove();
    } catch (error) { more.replaceWith(make("span", { class: "soft" }, error.message)); }
  } }, `Show all ${formatCount(cut)} characters`);
  return make("div", {}, box, make("p", { class: "soft small" }, `The first ${formatCount(text.length)} characters. `, loadWhole ? more : ""));
}

function diffBox(base, text, label) {
  const pieces = diffWords(visible(base), visible(text));
  if (pieces === null) return make("div", {}, make("p", { class: "soft small" }, "Too different to show by word."), textBox(text, null, null, null, label));
  const same = pieces.every(([kind]) => kind === "=");
  const shown = pieces.map(([kind, words]) => kind === "=" ? words : make(kind === "+" ? "ins" : "del", {}, words));
  return make("div", {}, same ? make("p", { class: "soft small" }, "The same text.") : null, make("pre", { tabindex: "0", dir: "auto", "aria-label": label }, shown));
}

export function promptBox(key, messages, terms) {
  return make("div", { class: "prompt" }, messages.map((turn) => make("div", { class: "turn" }, make("div", { class: "role" }, turn.role), turn.parts.map((part) => {
    if ("image" in part) {
      const missing = () => make("p", { class: "soft" }, "image " + part.image.slice(0, 12) + " is not here; media/ of the run has it");
      // A run may name anything as an image; only a hash is asked for.
      if (!/^[0-9a-f]{64}(\.[a-z]+)?$/.test(part.image)) return missing();
      const image = make("img", { alt: "image of the prompt", loading: "lazy", src: mediaUrl(key, part.image) });
      image.addEventListener("error", () => image.replaceWith(missing()));
      return image;
    }
    const kind = part.kind ? [part.kind, part.name].filter(Boolean).join(" ") : "", box = textBox(part.text, terms, part.cut, null, ["prompt", turn.role, kind].filter(Boolean).join(", "));
    return kind ? [make("div", { class: part.kind === "error" ? "part-kind failed" : "part-kind" }, markedText(kind, terms)), box] : box;
  }))));
}

// What two answers are compared by: of an episode, the texts, calls and results of its turns.
function answerText(answer) {
  return answer.episode ? turnTexts(answer.episode).map((text, place) => `turn ${place + 1}\n${text}`).join("\n\n") : answer.reply || "";
}

// answers: [{label, model, key, item, answer}]; base: the one to diff against, or null.
export function answerBox(column, base, terms) {
  const answer = column.answer, head = make("h4", {}, column.label, " ", pillOf(answer && answer.outcome));
  if (!answer) return make("article", { class: "answer" }, head);
  const whole = (name) => () => loadText(column.key, column.item, column.model, name);
  const cut = answer.cut || {}, score = answer.score === null || answer.score === undefined ? null : "score " + Number(answer.score.toFixed(3));
  const parts = [head, make("p", { class: "soft small facts" }, [score, ...(answer.facts || [])].filter(Boolean).join(" · "))];
  if (answer.messages) parts.push(make("details", {}, make("summary", {}, "asked with another prompt"), promptBox(column.key, answer.messages, terms)));
  if (answer.reasoning && !answer.episode) parts.push(make("details", {}, make("summary", {}, "reasoning"), textBox(answer.reasoning, terms, cut.reasoning, whole("reasoning"), "reasoning of " + column.label)));
  const text = answerText(answer);
  if (base && base !== column && base.answer) parts.push(make("p", { class: "soft small" }, "against ", base.label), diffBox(answerText(base.answer), text, "answer of " + column.label));
  else if (answer.episode) parts.push(episodeBox(make, (words, label) => textBox(words, terms, null, null, label), answer.episode));
  else if (text) parts.push(textBox(text, terms, cut.reply, whole("reply"), "answer of " + column.label));
  else if (!answer.error) parts.push(make("p", { class: "soft" }, "no text"));
  if (answer.error && !answer.episode) parts.push(make("p", { class: "failed" }, answer.error));
  const rows = ["answer", "reason"].filter((name) => answer[name]).flatMap((name) => [make("dt", {}, NAMES[name]), make("dd", { dir: "auto" }, answer[name])]);
  if (rows.length) parts.push(make("dl", {}, rows));
  return make("article", { class: "answer" }, parts);
}
