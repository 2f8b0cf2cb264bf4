// An episode by turns, for the page of bench report and for bench view: texts, calls with results, changes of the state, times.
// `make(tag, attributes, ...children)` of the page makes elements from text nodes only; `box(text, label)` shows a long text.

const EPISODE_PARTS = ["model", "tool", "user", "queue"];

function secondsText(seconds) {
  return seconds < 1 ? Math.round(seconds * 1000) + " ms" : seconds.toFixed(seconds < 10 ? 2 : 1) + " s";
}

// The split of a time as a bar and in words; null if nothing was measured.
function timeBar(make, times, whole) {
  const parts = EPISODE_PARTS.filter((part) => times && times[part] > 0);
  if (!parts.length) return null;
  const told = parts.map((part) => part + " " + secondsText(times[part])).join(", ");
  const bar = make("span", { class: "time-bar", role: "img", "aria-label": told });
  const sum = parts.reduce((total, part) => total + times[part], 0);
  for (const part of parts) {
    const piece = make("span", { class: "time-" + part });
    piece.style.flexGrow = String(times[part]);
    bar.append(piece);
  }
  if (sum < whole) {
    const rest = make("span", { class: "time-rest" });
    rest.style.flexGrow = String(whole - sum);
    bar.append(rest);
  }
  return make("span", { class: "times" }, bar, make("span", { class: "soft small" }, told));
}

function callBox(make, box, call) {
  const parts = [make("div", { class: "part-kind" }, "calls " + call.name), box(call.arguments, "arguments of " + call.name)];
  if (call.problem) parts.push(make("p", { class: "failed" }, "invalid: " + call.problem));
  if (call.result === undefined) parts.push(make("p", { class: "soft" }, "not run"));
  else {
    const kind = call.is_error ? "✗ error" : "result";
    parts.push(make("div", { class: call.is_error ? "part-kind failed" : "part-kind" }, kind + " of " + call.name + ", " + secondsText(call.s)), box(call.result, kind + " of " + call.name));
  }
  return make("div", { class: call.is_error ? "call failed-call" : "call" }, parts);
}

export function episodeBox(make, box, episode) {
  const whole = Math.max(0, ...episode.turns.map((turn) => EPISODE_PARTS.reduce((sum, part) => sum + ((turn.times || {})[part] || 0), 0)));
  const calls = episode.turns.reduce((sum, turn) => sum + (turn.calls || []).length, 0);
  const head = [episode.turns.length + (episode.turns.length === 1 ? " turn" : " turns"), calls + (calls === 1 ? " call" : " calls"), ...(episode.facts || [])].join(" · ");
  const parts = [make("p", { class: "soft small facts" }, head)];
  if (episode.times) parts.push(timeBar(make, episode.times, 0));
  for (const turn of episode.turns) {
    for (const text of turn.said || []) parts.push(make("div", { class: "said" }, make("div", { class: "role" }, "user"), box(text, "user, before turn " + turn.number)));
    const name = "turn " + turn.number, inner = [];
    if (turn.reasoning) inner.push(make("details", {}, make("summary", {}, "reasoning"), box(turn.reasoning, name + ", reasoning")));
    if (turn.text) inner.push(box(turn.text, name + ", text"));
    for (const call of turn.calls || []) inner.push(callBox(make, box, call));
    if (turn.changes) inner.push(make("div", { class: "part-kind" }, "state"), make("ul", { class: "changes" }, turn.changes.map((change) => make("li", { dir: "auto" }, change))));
    if (turn.error) inner.push(make("p", { class: "failed" }, turn.error));
    const facts = (turn.facts || []).join(" · ");
    parts.push(make("details", { class: "episode-turn", open: true }, make("summary", {}, make("b", {}, name), facts ? make("span", { class: "soft small" }, " " + facts) : "", timeBar(make, turn.times, whole)), inner));
  }
  if (episode.end) parts.push(make("p", { class: "ended" }, make("b", {}, "ended "), episode.end));
  return make("div", { class: "episode" }, parts);
}

// The texts of each turn, for a search and to compare two episodes.
export function turnTexts(episode) {
  return episode.turns.map((turn) => [
    ...(turn.said || []), turn.reasoning, turn.text, ...(turn.calls || []).flatMap((call) => [call.name + " " + call.arguments, call.result]), ...(turn.changes || []), turn.error,
  ].filter(Boolean).join("\n"));
}
