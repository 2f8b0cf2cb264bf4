// The data of an exported folder: scripts that are loaded when they are needed, filtered here instead of on the server.

import { turnTexts } from "./episode.js";

const waiting = new Map(), loadedData = new Map();

// Each data file calls this with its name and its JSON.
globalThis.gapbenchData = (name, text) => {
  waiting.get(name)(JSON.parse(text));
  waiting.delete(name);
};

function dataOf(name) {
  if (!loadedData.has(name)) {
    loadedData.set(name, new Promise((done, failed) => {
      waiting.set(name, done);
      const script = document.createElement("script");
      script.src = "data/" + name + ".js";
      script.addEventListener("error", () => failed(new Error(`data/${name}.js is missing from this folder`)));
      document.head.append(script);
    }));
  }
  return loadedData.get(name);
}

async function runOf(key) {
  const found = (await dataOf("runs")).runs.find((run) => run.key === key);
  if (!found) throw new Error(`there is no run ${key} in this folder`);
  if (!found.place || found.state === "damaged") return { run: { ...found, facts: { run: [] }, figures: null, status: "failed: " + found.problem, version: "exported" }, notes: [], samples: { models: [], of: 0, rows: [] } };
  return { ...await dataOf(found.place), place: found.place };
}

async function blockText(run, place) {
  const { block } = run.samples;
  return (await dataOf(`${run.place}-block-${Math.floor(place / block)}`))[place % block];
}

function termsOf(query) {
  return [...(query || "").matchAll(/"([^"]+)"|(\S+)/g)].map((found) => (found[1] || found[2]).toLowerCase());
}

// Whether one text of a sample has every term, as on the server; returns where, or null.
function matchOf(sample, models, terms) {
  const has = (text) => text && terms.every((term) => text.toLowerCase().includes(term));
  const around = (where, text) => ({ where, text: text.slice(Math.max(0, text.toLowerCase().indexOf(terms[0]) - 50)).slice(0, 160).replace(/\s+/g, " ") });
  const prompt = sample.messages.flatMap((turn) => turn.parts.map((part) => [part.name, part.text].filter(Boolean).join(" "))).join(" ");
  if (has(prompt)) return around("prompt", prompt);
  for (const [place, answer] of sample.answers.entries()) {
    const texts = answer ? [[answer.reply, answer.reasoning].filter(Boolean).join(" "), ...(answer.episode ? turnTexts(answer.episode) : [])] : [];
    const text = texts.find(has);
    if (text) return around(models[place], text);
  }
  return has(sample.sample_id) ? {} : null;
}

function isDifferent(outcomes) {
  const known = outcomes.filter((outcome) => outcome && outcome !== "infra" && outcome !== "unscored").map((outcome) => outcome === "correct");
  return known.includes(true) && known.includes(false);
}

const ORDERS = {
  hardest: (a, b) => (a.right_share ?? 2) - (b.right_share ?? 2) || a.item - b.item,
  easiest: (a, b) => (b.right_share ?? -1) - (a.right_share ?? -1) || a.item - b.item,
  id: (a, b) => a.task.localeCompare(b.task) || a.sample_id.localeCompare(b.sample_id) || a.item - b.item,
};

async function keptRows(run, values) {
  const { models, rows } = run.samples, looked = [values.model || []].flat().filter(Boolean), terms = termsOf(values.q), kept = [];
  for (const [place, row] of rows.entries()) {
    const outcomes = row.outcomes.filter((_, at) => !looked.length || looked.includes(models[at]));
    if (values.task && row.task !== values.task) continue;
    if (values.outcome && !outcomes.includes(values.outcome)) continue;
    if (values.differs && !isDifferent(outcomes)) continue;
    if (!terms.length) kept.push(row);
    else {
      const found = matchOf(await blockText(run, place), models, terms);
      if (found) kept.push({ ...row, snippet: found.text ? found : null });
    }
  }
  return { kept: ORDERS[values.sort] ? [...kept].sort(ORDERS[values.sort]) : kept, terms };
}

async function samplesPage(key, values) {
  const run = await runOf(key), { kept, terms } = await keptRows(run, values), offset = values.offset || 0;
  return { total: kept.length, of: run.samples.of, offset, rows: kept.slice(offset, offset + (values.limit || 100)), models: run.samples.models, ...(terms.length ? { terms, searched_share: 1 } : {}) };
}

async function oneSample(key, values) {
  const run = await runOf(key);
  const place = run.samples.rows.findIndex((row) => values.item !== undefined ? row.item === Number(values.item)
    : row.task === values.task && row.sample_id === values.id && row.repeat === Number(values.repeat || 0) && (!values.load || row.load === values.load));
  if (place < 0) throw new Error("this sample is not in the exported folder");
  return blockText(run, place);
}

async function comparePage(values) {
  const runs = await Promise.all(values.run.map(runOf)), kept = await Promise.all(runs.map((run) => keptRows(run, { task: values.task, q: values.q })));
  const join = (nameOf) => {
    const others = runs.map((run) => { const found = new Map(); for (const row of run.samples.rows) if (!found.has(nameOf(row))) found.set(nameOf(row), row); return found; });
    const matched = kept.map((part) => new Set(part.kept.map(nameOf)));
    return [...others[0]].filter(([name]) => others.every((found) => found.has(name))).map(([name, row]) => {
      const rows = others.map((found) => found.get(name));
      return { task: row.task, category: row.category, sample_id: row.sample_id, repeat: row.repeat, load: row.load, items: rows.map((one) => one.item), outcomes: rows.map((one) => one.outcomes), matches: matched.some((names) => names.has(name)) };
    });
  };
  let shared = join((row) => [row.task, row.sample_id, row.repeat, row.load].join("\n")), ignores_load = false;
  if (!shared.length) { shared = join((row) => [row.task, row.sample_id, row.repeat].join("\n")); ignores_load = shared.length > 0; }
  const rows = shared.filter((row) => row.matches && (!values.outcome || row.outcomes.flat().includes(values.outcome)) && (!values.differs || isDifferent(row.outcomes.flat())));
  const offset = values.offset || 0, { terms } = kept[0];
  return { total: rows.length, of: shared.length, offset, ignores_load, rows: rows.slice(offset, offset + (values.limit || 100)), models: runs.map((run) => run.samples.models), ...(terms.length ? { terms, searched_share: 1 } : {}) };
}

async function trendOf(values) {
  const { trends } = await dataOf("runs"), found = trends.find((trend) => trend.suite === values.suite);
  if (!found) throw new Error(trends.length ? `no complete run of ${values.suite} in this folder` : "no run is complete yet; a trend has a row for each complete run");
  return dataOf(found.place);
}

async function searchAll(values) {
  const all = (await dataOf("runs")).runs, at = Math.max(0, all.findIndex((run) => run.key === values.after)), listed = all[at], runs = [];
  if (listed) {
    const run = await runOf(listed.key), { kept } = await keptRows(run, { q: values.q });
    if (kept.length) runs.push({ key: listed.key, matches: kept.length, models: run.samples.models, rows: kept.slice(0, 5) });
  }
  return { runs, searched: Math.min(at + 1, all.length), of: all.length, problems: [], next: at + 1 < all.length ? all[at + 1].key : null };
}

export function staticStore() {
  return {
    mediaUrl: (key, digest) => "media/" + encodeURIComponent(digest),
    async load(parts, values) {
      const [what, key, part] = parts;
      if (what === "runs" && !key) return values.seen ? { unchanged: true, version: values.seen } : dataOf("runs");
      if (what === "runs" && !part) return values.seen ? { unchanged: true, version: values.seen } : (await runOf(key)).run;
      if (what === "runs" && part === "notes") return { notes: (await runOf(key)).notes };
      if (what === "runs" && part === "samples") return samplesPage(key, values);
      if (what === "runs" && part === "sample") return oneSample(key, values);
      if (what === "trend") return values.seen ? { unchanged: true, version: values.seen } : trendOf(values);
      if (what === "compare" && !key) return { runs: await Promise.all([values.run].flat().map(async (name) => (await runOf(name)).run)) };
      if (what === "compare" && key === "samples") return comparePage(values);
      if (what === "compare") throw new Error("an exported folder does not have what changed; `bench diff A B` prints it");
      return searchAll(values);
    },
  };
}
