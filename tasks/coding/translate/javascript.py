"""JavaScript to translate."""

from __future__ import annotations

from source import Source

JAVASCRIPT = [
    Source("easy", "javascript", "wrap_index(index, step, size)", "All arguments are whole numbers, `size` is above 0.", """
function wrapIndex(index, step, size) {
  const moved = (index + step) % size;
  if (moved < 0) {
    return -moved === size - 1 ? 0 : moved + size;
  }
  return moved;
}
""", """
import math


def wrap_index(index, step, size):
    moved = int(math.fmod(index + step, size))
    if moved < 0:
        return 0 if -moved == size - 1 else moved + size
    return moved
""", """
def wrap_index(index, step, size):
    moved = (index + step) % size
    if moved < 0:
        return 0 if -moved == size - 1 else moved + size
    return moved
""", ((0, -1, 5), (0, 1, 5), (0, -4, 5), (3, 4, 5), (2, -2, 5), (1, -9, 5), (4, 6, 5), (0, -1, 2), (0, 0, 1), (2, -6, 4), (0, -12, 7), (1, 3, 5))),
    Source("easy", "javascript", "sort_codes(codes)", "`codes` is a list of whole numbers from 0 on; it is not changed.", """
function sortCodes(codes) {
  const kept = codes.filter((code) => code >= 0).slice();
  kept.sort();
  return kept.slice(-3).reverse();
}
""", """
def sort_codes(codes):
    kept = [code for code in codes if code >= 0]
    kept.sort(key=str)
    return kept[-3:][::-1]
""", """
def sort_codes(codes):
    kept = [code for code in codes if code >= 0]
    kept.sort()
    return kept[-3:][::-1]
""", (([10, 9, 2, 33],), ([],), ([5],), ([100, 20, 3],), ([1, 10, 11, 2],), ([7, 7, 70],), ([0, 1, 2, 3, 4],), ([99, 100, 101, 9],), ([12, 3],), ([-1, 8, -30, 0],), ([-5],))),
    Source("easy", "javascript", "grade(points, most)", "Both are whole numbers from 0 on.", """
function grade(points, most) {
  const percent = Math.round((points * 100) / (most || 1));
  let text = "";
  switch (true) {
    case percent >= 90:
      text += "A";
    case percent >= 75:
      text += "B";
      break;
    case percent >= 50:
      text += "C";
      break;
    default:
      text += "D";
  }
  return text + percent;
}
""", """
import math


def grade(points, most):
    percent = math.floor(points * 100 / (most or 1) + 0.5)
    if percent >= 90:
        text = "AB"
    elif percent >= 75:
        text = "B"
    elif percent >= 50:
        text = "C"
    else:
        text = "D"
    return text + str(percent)
""", """
def grade(points, most):
    percent = round(points * 100 / (most or 1))
    if percent >= 90:
        text = "AB"
    elif percent >= 75:
        text = "B"
    elif percent >= 50:
        text = "C"
    else:
        text = "D"
    return text + str(percent)
""", ((1, 8), (9, 10), (0, 0), (3, 0), (179, 200), (149, 200), (3, 4), (99, 200), (1, 2), (0, 7), (7, 7), (5, 8), (89, 100), (74, 100), (49, 100), (2, 200))),
    Source("medium", "javascript", "checksum(text)", "`text` is ASCII.", """
function checksum(text) {
  let hash = 5381;
  for (let i = 0; i < text.length; i++) {
    hash = ((hash << 5) + hash) ^ text.charCodeAt(i);
    hash = hash | 0;
  }
  return (hash >>> 0).toString(16);
}
""", """
def checksum(text):
    value = 5381
    for char in text:
        value = (value * 33 ^ ord(char)) & 0xFFFFFFFF
    return format(value, "x")
""", """
def checksum(text):
    value = 5381
    for char in text:
        value = ((value << 5) + value) ^ ord(char)
    return format(value, "x")
""", (("abc",), ("",), ("a",), ("hello world",), ("The quick brown fox jumps over the lazy dog",), ("0000000000",), ("zzzzzz",), ("Gap", ), ("~~~~~~~~~~~~",), ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",))),
    Source("medium", "javascript", "tally(words)", "`words` is a list of texts; the result is a list of lists.", """
function tally(words) {
  const counts = {};
  for (const word of words) {
    counts[word] = (counts[word] || 0) + 1;
  }
  // Integer-like keys come first, ascending; the others in the order in which they were added.
  return Object.keys(counts).map((key) => [key, counts[key]]);
}
""", """
def tally(words):
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    numbers = [key for key in counts if key == "0" or (key.isascii() and key.isdigit() and key[0] != "0")]
    numbers.sort(key=int)
    return [[key, counts[key]] for key in numbers + [key for key in counts if key not in numbers]]
""", """
def tally(words):
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return [[key, counts[key]] for key in counts]
""", ((["b", "a", "b"],), ([],), (["10", "9", "x", "10"],), (["x", "2", "1"],), (["01", "1", "01"],), (["0", "a", "00"],), (["-1", "3", "z", "-1"],), (["z", "y", "100", "20", "3"],), (["", "5", ""],), (["2.5", "2", "1e3"],), (["b", "0", "a"],), (["7", "x", "3"],), (["x", "\u0663"],))),
    Source("medium", "javascript", "slice_window(items, start, count)", "`start` may be below 0, then it counts from the end; `count` is a whole number.", """
function sliceWindow(items, start, count) {
  const copy = items.slice();
  const removed = copy.splice(start, count);
  const tail = items.slice(start + count);
  return [removed.length, copy, tail];
}
""", """
def slice_window(items, start, count):
    size = len(items)
    begin = max(size + start, 0) if start < 0 else min(start, size)
    end = min(begin + max(count, 0), size)
    rest = start + count
    return [end - begin, items[:begin] + items[end:], items[rest:]]
""", """
def slice_window(items, start, count):
    removed = items[start : start + count]
    copy = items[:start] + items[start + count :]
    return [len(removed), copy, items[start + count :]]
""", (([1, 2, 3, 4], 1, 2), ([1, 2, 3, 4], -2, 1), ([1, 2, 3], -1, 1), ([1, 2, 3], 5, 1), ([1, 2, 3], -9, 2), ([], 0, 1), ([1, 2, 3], 0, 0), ([1, 2, 3], 1, -1), ([1, 2, 3, 4, 5], -3, 2), ([1, 2, 3, 4, 5], 2, 99), ([1, 2, 3], -2, 9))),
    Source("hard", "javascript", "parse_fields(line)", "`line` is ASCII text; an empty field gives None for null.", """
function parseFields(line) {
  const out = [];
  for (const part of line.split(",")) {
    const number = parseInt(part, 10);
    if (part === "") {
      out.push(null);
    } else if (Number.isNaN(number)) {
      out.push(part.trim());
    } else {
      out.push(number === 0 ? "zero" : number);
    }
  }
  return out;
}
""", """
import re


def parse_fields(line):
    out = []
    for part in line.split(","):
        number = re.match(r"\\s*([+-]?[0-9]+)", part)
        if part == "":
            out.append(None)
        elif number is None:
            out.append(part.strip())
        else:
            value = int(number[1])
            out.append("zero" if value == 0 else value)
    return out
""", """
def parse_fields(line):
    out = []
    for part in line.split(","):
        if part == "":
            out.append(None)
        else:
            try:
                value = int(part)
            except ValueError:
                out.append(part.strip())
            else:
                out.append("zero" if value == 0 else value)
    return out
""", (("1,2",), ("",), ("a, b ,",), ("12px,3.9,x7",), ("0,00,-0",), (" 7 , +8,-9",), ("- 1,--2",), ("1e3,0x1F",), (",,",), ("  ,5 6",), ("1_000,4",), ("9lives, nine",))),
    Source("hard", "javascript", "schedule(jobs)", "`jobs` is a list of `[name, after, minutes]`; `after` is a name of a job before it, or an empty text.", """
function schedule(jobs) {
  const ends = new Map();
  const log = [];
  for (const [name, after, minutes] of jobs) {
    const start = ends.get(after) ?? 0;
    const end = start + minutes;
    ends.set(name, Math.max(end, ends.get(name) || -Infinity));
    log.push(() => `${name}@${start}-${ends.get(name)}`);
  }
  const last = [...ends.entries()].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
  return [...log.map((say) => say()), last[0]];
}
""", """
def schedule(jobs):
    ends = {}
    starts = []
    for name, after, minutes in jobs:
        start = ends.get(after, 0)
        end = start + minutes
        ends[name] = max(end, ends[name]) if ends.get(name) else end
        starts.append((name, start))
    last = ("", 0)
    for name, end in ends.items():
        if end > last[1]:
            last = (name, end)
    return [f"{name}@{start}-{ends[name]}" for name, start in starts] + [last[0]]
""", """
def schedule(jobs):
    ends = {}
    log = []
    for name, after, minutes in jobs:
        start = ends.get(after) or 0
        end = start + minutes
        ends[name] = max(end, ends.get(name, 0))
        log.append(f"{name}@{start}-{ends[name]}")
    last = max(ends.items(), key=lambda pair: pair[1], default=("", 0))
    return log + [last[0]]
""", (([["a", "", 5], ["b", "a", 3]],), ([],), ([["a", "", 5], ["a", "", 2]],), ([["a", "", 2], ["a", "", 5]],), ([["a", "", 4], ["b", "", 4]],), ([["a", "", 0], ["b", "a", 0]],), ([["a", "x", 1], ["b", "a", 1], ["c", "b", 1]],), ([["a", "", 3], ["b", "a", 4], ["a", "b", 1], ["c", "a", 1]],), ([["a", "", 0], ["a", "", -2]],), ([["q", "", -3]],), ([["a", "", 1]],))),
]  # fmt: skip
