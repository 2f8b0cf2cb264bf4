// Keys of the current view. A key that is typed into a field is left alone.
import { make } from "./dom.js";

let current = {};
const ALWAYS = { "/": "search or filter", "?": "this list", Escape: "leave a field, close this list" };

// onKeys({j: ["next row", () => …]}): the keys of a view, replacing those of the last one.
export function onKeys(keys) {
  current = keys;
}

export function addKeys(keys) {
  current = { ...current, ...keys };
}

function isTyping(target) {
  return target.closest && target.closest("input, textarea, select") && target.type !== "checkbox";
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    const dialog = document.querySelector("dialog[open]");
    if (event.ctrlKey || event.metaKey || event.altKey || dialog) return;
    if (event.key === "Escape" && isTyping(event.target)) {
      event.target.blur();
      return;
    }
    if (isTyping(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys();
      return;
    }
    if (event.key === "/") {
      const field = document.querySelector("main input[type=search]") || document.querySelector("#search-all");
      event.preventDefault();
      field.focus();
      field.select();
      return;
    }
    const found = current[event.key];
    // Enter and the space bar belong to a focused link or button.
    if (!found || ((event.key === "Enter" || event.key === " ") && event.target.closest("a, button, summary"))) return;
    event.preventDefault();
    found[1](event);
  });
}

export function showKeys() {
  const rows = Object.entries({ ...Object.fromEntries(Object.entries(current).map(([key, [text]]) => [key, text])), ...ALWAYS });
  const names = { " ": "space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };
  const dialog = make("dialog", { "aria-label": "Keys" },
    make("h2", {}, "Keys"),
    make("dl", {}, rows.filter(([, text]) => text).map(([key, text]) => [make("dt", {}, make("kbd", {}, names[key] || key)), make("dd", {}, text)])),
    make("form", { method: "dialog" }, make("button", {}, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => { if (event.key === "?") dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
