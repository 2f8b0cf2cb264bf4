// The sample browser. All text goes in as text nodes, never as markup: answers are hostile input.
(() => {
  const byId = (id) => document.getElementById(id);
  const root = byId("samples");
  if (!root) return;
  const PAGE = 50;
  const MARKS = { correct: "✓", wrong: "✗", unparsed: "?", truncated: "…", refused: "⊘", infra: "!", unscored: "·" };

  async function unpacked(id) {
    const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }
  function made(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = text;
    return element;
  }
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) if (value) element.setAttribute(name, value === true ? "" : value);
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
    return element;
  }
  function textBox(text, label) {
    return make("pre", { tabindex: "0", dir: "auto", "aria-label": label }, text);
  }
  function options(select, first, values) {
    select.replaceChildren(new Option(first, ""), ...values.map((value, i) => new Option(value, String(i))));
  }

  const blocks = new Map();
  let index, matches = [], page = 0, chosen = -1;

  function block(number) {
    if (!blocks.has(number)) blocks.set(number, unpacked("block-" + number));
    return blocks.get(number);
  }

  function filtered() {
    const category = byId("by-category").value, task = byId("by-task").value, outcome = byId("by-outcome").value;
    const one = byId("model-one").value, other = byId("model-other").value, flipped = byId("flipped").checked;
    const wanted = byId("by-id").value.trim().toLowerCase();
    matches = [];
    index.items.forEach((item, number) => {
      if (category !== "" && item[1] !== Number(category)) return;
      if (task !== "" && item[0] !== Number(task)) return;
      if (wanted && !item[2].toLowerCase().includes(wanted)) return;
      const outcomes = item[5];
      const looked = [one, other].filter((m) => m !== "").map((m) => outcomes[Number(m)]);
      if (outcome !== "" && !(looked.length ? looked : outcomes).includes(outcome)) return;
      if (flipped && !isFlipped(outcomes, one, other)) return;
      matches.push(number);
    });
    page = 0;
    chosen = matches.length ? 0 : -1;
    list();
    show();
  }
  // Flipped: one of the two was right and the other was not; without two models, any two of all.
  function isFlipped(outcomes, one, other) {
    const looked = (one !== "" && other !== "" ? [outcomes[Number(one)], outcomes[Number(other)]] : outcomes)
      .filter((o) => o && o !== "infra" && o !== "unscored").map((o) => o === "correct");
    return looked.includes(true) && looked.includes(false);
  }

  function list() {
    const box = byId("sample-list");
    const start = page * PAGE;
    box.replaceChildren(...matches.slice(start, start + PAGE).map((number, i) => {
      const item = index.items[number];
      const row = made("div", "sample-row");
      row.id = "sample-" + (start + i);
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(start + i === chosen));
      const name = made("span", "sample-id", item[2] + (item[3] ? " · repeat " + item[3] : ""));
      const marks = made("span", "marks");
      item[5].forEach((o, m) => {
        const mark = made("i", o ? "mark " + o : "mark none", o ? MARKS[o] : "");
        mark.title = index.models[m] + ": " + (o || "not asked");
        marks.append(mark);
      });
      row.append(name, marks, made("span", "soft task-name", index.tasks[item[0]] + " · " + item[4]));
      row.addEventListener("click", () => { choose(start + i); });
      return row;
    }));
    const last = Math.max(0, Math.ceil(matches.length / PAGE) - 1);
    byId("found").textContent = matches.length.toLocaleString("en") + " of " + index.items.length.toLocaleString("en") +
      (last ? ", page " + (page + 1) + " of " + (last + 1) : "");
    byId("page-back").disabled = page === 0;
    byId("page-on").disabled = page >= last;
    box.setAttribute("aria-activedescendant", chosen >= 0 ? "sample-" + chosen : "");
  }
  function choose(place) {
    if (place < 0 || place >= matches.length) return;
    chosen = place;
    page = Math.floor(place / PAGE);
    list();
    const row = byId("sample-" + place);
    if (row) row.scrollIntoView({ block: "nearest" });
    show();
  }

  function turns(messages) {
    return messages.map((turn) => {
      const box = made("div", "turn");
      box.append(made("div", "role", turn.o));
      for (const part of turn.p) {
        if ("i" in part) {
          const data = byId("media-" + part.i);
          if (data) {
            const image = made("img");
            image.alt = "image of the prompt";
            image.src = "data:" + (/^image\/(png|jpeg|gif|webp)$/.test(part.y) ? part.y : "image/png") + ";base64," + data.textContent.trim();
            box.append(image);
          } else box.append(made("p", "soft", "image " + part.i.slice(0, 12) + ": not in this page; media/ of the run has it"));
        } else {
          if (part.k) box.append(made("div", part.k.startsWith("error") ? "part-kind failed" : "part-kind", part.k));
          box.append(made("pre", "", part.t));
        }
      }
      return box;
    });
  }
  function answered(name, outcome, score, said) {
    const box = made("article", "answer");
    const head = made("h4", "", name + " ");
    head.append(made("span", "pill " + (outcome || "none"), outcome ? MARKS[outcome] + " " + outcome : "not asked"));
    box.append(head);
    if (!said) return box;
    const facts = [score === null || score === undefined ? null : "score " + Number(score.toFixed(3)), said.f, said.n].filter(Boolean).join(" · ");
    box.append(made("p", "soft", facts));
    if (said.m) box.append(made("p", "soft", "Asked with another prompt:"), ...turns(said.m));
    if (said.k) {
      const more = made("details");
      more.append(made("summary", "", "reasoning"), made("pre", "", said.k));
      box.append(more);
    }
    if (said.s) box.append(episodeBox(make, textBox, said.s));
    if (said.r) box.append(made("pre", "", said.r));
    if (said.e) box.append(made("p", "failed", said.e));
    const list = made("dl");
    if (said.x) list.append(made("dt", "", "extracted"), made("dd", "", said.x));
    if (said.w) list.append(made("dt", "", "because"), made("dd", "", said.w));
    if (list.childElementCount) box.append(list);
    return box;
  }
  async function show() {
    const pane = byId("sample");
    if (chosen < 0) { pane.replaceChildren(made("p", "soft", "No request matches.")); return; }
    const number = matches[chosen], item = index.items[number];
    const texts = (await block(Math.floor(number / index.block)))[number % index.block];
    if (matches[chosen] !== number) return; // The reader has gone on while the block was unpacked.
    const head = made("h3", "", item[2]);
    const where = made("p", "soft", index.categories[item[1]] + " · " + index.tasks[item[0]] + " · " + item[4] + (item[3] ? " · repeat " + item[3] : ""));
    const prompt = made("div", "prompt");
    prompt.append(...turns(texts.m));
    const target = made("dl");
    if (texts.t) target.append(made("dt", "", "target"), made("dd", "", texts.t));
    const one = byId("model-one").value, other = byId("model-other").value;
    const picked = [one, other].filter((m) => m !== "").map(Number);
    const side = made("div", "answers");
    for (const m of picked.length ? picked : index.models.keys()) side.append(answered(index.models[m], item[5][m], item[6][m], texts.a[m]));
    pane.replaceChildren(head, where, prompt, target, side);
  }

  function keys(event) {
    const move = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE, PageUp: -PAGE }[event.key];
    if (move) { event.preventDefault(); choose(Math.min(matches.length - 1, Math.max(0, chosen + move))); }
    else if (event.key === "Home") { event.preventDefault(); choose(0); }
    else if (event.key === "End") { event.preventDefault(); choose(matches.length - 1); }
  }
  async function open() {
    index = await unpacked("samples-index");
    options(byId("by-category"), "every category", index.categories);
    options(byId("by-task"), "every task", index.tasks);
    options(byId("model-one"), "all models", index.models);
    options(byId("model-other"), "and no other", index.models);
    const kinds = Object.keys(MARKS).filter((kind) => index.items.some((item) => item[5].includes(kind)));
    byId("by-outcome").replaceChildren(new Option("every outcome", ""), ...kinds.map((kind) => new Option(MARKS[kind] + " " + kind, kind)));
    for (const id of ["by-category", "by-task", "by-outcome", "model-one", "model-other", "flipped"]) byId(id).addEventListener("change", filtered);
    byId("by-id").addEventListener("input", filtered);
    byId("page-back").addEventListener("click", () => choose(Math.max(0, (page - 1) * PAGE)));
    byId("page-on").addEventListener("click", () => choose(Math.min(matches.length - 1, (page + 1) * PAGE)));
    byId("sample-list").addEventListener("keydown", keys);
    root.hidden = false;
    filtered();
    root.dataset.ready = "true";
  }
  open();
})();
