// The address after "#": a view, its parts, and its settings; so that every view has a link.

export function readRoute() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query || "") };
}

export function linkTo(parts, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values || {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== null && one !== undefined && one !== false) query.append(name, one === true ? "1" : one);
  }
  const text = query.toString();
  return "#/" + parts.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

// A step that the back button returns from.
export function goTo(parts, values) {
  location.hash = linkTo(parts, values);
}

// The same view with other settings: the address changes, and no step is added.
export function keepInAddress(parts, values) {
  history.replaceState(null, "", linkTo(parts, values));
}

export function sampleLink(key, row, more) {
  return linkTo(["run", key, "samples"], { ...more, at: [row.task, row.sample_id, String(row.repeat), row.load] });
}
