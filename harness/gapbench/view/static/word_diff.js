// The difference of two texts by word, after Myers, "An O(ND) difference algorithm and its variations" (1986).

const WORD = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;
const MAX_WORDS = 30000;
const MAX_CHANGES = 1500;

// Returns pieces [kind, text], kind "=" (both), "-" (only in the first) or "+" (only in the second); null: too different.
export function diffWords(first, second) {
  const a = first.match(WORD) || [], b = second.match(WORD) || [];
  if (a.length > MAX_WORDS || b.length > MAX_WORDS) return null;
  let start = 0, endA = a.length, endB = b.length;
  while (start < endA && start < endB && a[start] === b[start]) start++;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA--; endB--; }
  const middle = shortestEdit(a.slice(start, endA), b.slice(start, endB));
  if (middle === null) return null;
  const pieces = [];
  const add = (kind, text) => {
    if (!text) return;
    const last = pieces[pieces.length - 1];
    if (last && last[0] === kind) last[1] += text;
    else pieces.push([kind, text]);
  };
  add("=", a.slice(0, start).join(""));
  for (const [kind, word] of middle) add(kind, word);
  add("=", a.slice(endA).join(""));
  return pieces;
}

function shortestEdit(a, b) {
  const most = Math.min(a.length + b.length, MAX_CHANGES), offset = most + 1;
  let reach = new Int32Array(2 * offset + 1);
  const steps = [];
  for (let d = 0; d <= most; d++) {
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && reach[offset + k - 1] < reach[offset + k + 1]) ? reach[offset + k + 1] : reach[offset + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[offset + k] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, steps, d);
    }
    // Only the diagonals that step d + 1 reads.
    steps.push(reach.slice(offset - d - 1, offset + d + 2));
  }
  return null;
}

function walkBack(a, b, steps, last) {
  const edit = [];
  let x = a.length, y = b.length;
  for (let d = last; d > 0; d--) {
    const reach = steps[d - 1], at = (k) => reach[k + d] ?? -1, k = x - y;
    const isInsert = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const before = isInsert ? k + 1 : k - 1, fromX = at(before), fromY = fromX - before;
    while (x > fromX && y > fromY && x > 0 && y > 0 && a[x - 1] === b[y - 1]) { edit.push(["=", a[x - 1]]); x--; y--; }
    if (isInsert) edit.push(["+", b[--y]]);
    else edit.push(["-", a[--x]]);
  }
  while (x > 0) { edit.push(["=", a[x - 1]]); x--; }
  return edit.reverse();
}
