// A search over the texts of all runs.
import { make, show, formatTime, formatCount, markOf } from "./dom.js";
import { load } from "./store.js";
import { linkTo, goTo, sampleLink } from "./route.js";
import { onKeys } from "./keys.js";

export async function searchView(main, query) {
  const wanted = (query.get("q") || "").trim();
  const field = make("input", { type: "search", value: wanted, "aria-label": "search the texts of all runs", placeholder: "words, or \"a phrase\"" });
  const status = make("p", { class: "soft", role: "status" }), found = make("div", { class: "found-runs" });
  show(main, make("div", { class: "page-head" }, make("h1", {}, "Search all runs")), make("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); goTo(["search"], { q: field.value.trim() }); } }, make("label", { class: "wide" }, make("span", {}, "in prompts and answers"), field), make("button", { class: "main" }, "Search")), status, found);
  onKeys({});
  if (!wanted) {
    field.focus();
    return { title: "search", crumbs: [["Search", linkTo(["search"])]] };
  }
  show(status, "Searching …");
  const all = (await load(["runs"])).runs, runs = Object.fromEntries(all.map((run) => [run.key, run]));
  (async () => {
    let after = "", total = 0;
    try {
      do {
        const part = await load(["search"], { q: wanted, after });
        if (!found.isConnected) return;
        for (const run of part.runs) {
          total += run.matches;
          found.append(runMatches(run, runs[run.key], wanted));
        }
        for (const problem of part.problems) found.append(make("p", { class: "soft small" }, problem));
        show(status, `${formatCount(total)} ${total === 1 ? "sample" : "samples"} in ${formatCount(found.querySelectorAll("section").length)} of ${formatCount(part.searched)} runs`, part.next ? `; ${formatCount(part.of - part.searched)} to go …` : ".");
        after = part.next;
      } while (after);
    } catch (error) { show(status, make("span", { class: "failed" }, error.message)); }
  })();
  return { title: "search", crumbs: [["Search", linkTo(["search"], { q: wanted })]] };
}

function runMatches(found, run, wanted) {
  return make("section", {}, make("h2", {}, make("a", { href: linkTo(["run", found.key, "samples"], { q: wanted }) }, run ? run.suite : found.key), " ", make("span", { class: "soft small" }, run ? formatTime(run.started_at) : "", " · ", formatCount(found.matches), found.matches === 1 ? " sample" : " samples")),
    make("ul", { class: "matches" }, found.rows.map((row) => make("li", {}, make("a", { href: sampleLink(found.key, row, { q: wanted }) }, row.sample_id), " ", make("span", { class: "marks" }, row.outcomes.map((outcome, place) => markOf(outcome, found.models[place]))), make("span", { class: "soft small" }, " ", row.task), row.snippet && make("p", { class: "small snippet" }, make("span", { class: "soft" }, row.snippet.where, ": "), "… ", row.snippet.text, " …")))),
    found.matches > found.rows.length && make("p", { class: "small" }, make("a", { href: linkTo(["run", found.key, "samples"], { q: wanted }) }, `all ${formatCount(found.matches)}`)));
}
