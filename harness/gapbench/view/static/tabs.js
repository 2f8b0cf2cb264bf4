// The tabs above all runs, and their keys.
import { make } from "./dom.js";
import { linkTo, goTo } from "./route.js";

const PLACES = [[[], "Runs"], [["trend"], "Trend"]];

export function placeTabs(current) {
  return make("nav", { class: "tabs", "aria-label": "What to see of all runs" }, PLACES.map(([parts, text]) => make("a", { href: linkTo(parts), "aria-current": text === current ? "page" : null }, text)));
}

export function placeKeys() {
  return Object.fromEntries(PLACES.map(([parts, text], place) => [String(place + 1), [text.toLowerCase(), () => goTo(parts)]]));
}
