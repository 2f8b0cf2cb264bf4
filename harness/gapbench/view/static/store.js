// Where the data comes from: the server of `bench view`, or the files of an exported folder.

let exported = null;

// An exported folder brings its own store; see static_store.js.
export function useStore(store) {
  exported = store;
}

export function isExported() {
  return exported !== null;
}

export function queryOf(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values || {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== null && one !== undefined && one !== false) query.append(name, one === true ? "1" : one);
  }
  const text = query.toString();
  return text ? "?" + text : "";
}

// load(["runs", key, "samples"], {task: "x"}): the JSON at api/runs/KEY/samples?task=x. Throws an Error with the server's words.
export async function load(parts, values, options) {
  if (exported) return exported.load(parts, values || {});
  const path = "api/" + parts.map(encodeURIComponent).join("/") + queryOf(values);
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("`bench view` does not answer; start it again and open the address that it prints");
  }
  if (answer.headers.get("content-type") !== "application/json") throw new Error("the server answered " + answer.status + " " + answer.statusText);
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || "the server answered " + answer.status);
  return value;
}

export function send(method, parts, value) {
  return load(parts, {}, { method, headers: { "content-type": "application/json" }, body: value === undefined ? undefined : JSON.stringify(value) });
}

export function mediaUrl(key, digest) {
  if (exported) return exported.mediaUrl(key, digest);
  return "api/runs/" + encodeURIComponent(key) + "/media/" + encodeURIComponent(digest);
}

export async function loadText(key, item, model, name) {
  if (exported) throw new Error("an exported page has only the beginning of long texts");
  const answer = await fetch("api/runs/" + encodeURIComponent(key) + "/text" + queryOf({ item, model, name }));
  if (!answer.ok) throw new Error("the server answered " + answer.status);
  return answer.text();
}
