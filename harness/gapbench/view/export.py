"""Writes the app with its data as a static folder that opens from disk: no server, no network, one script.

A page that is opened from disk may not load JSON, but it may load scripts. So each piece of data is a script that hands a JSON text to the page when a reader gets to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from gapbench import formatting
from gapbench.atomic_write import write_atomically
from gapbench.errors import BenchError, InputError, ResultsError
from gapbench.view.app import brief_figures
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import Catalog, RunEntry
from gapbench.view.figures import write_figures
from gapbench.view.figures_file import read_figures
from gapbench.view.notes import read_notes
from gapbench.view.page_files import SHARED_SHEETS, page_script, static_text
from gapbench.view.run_facts import describe_run
from gapbench.view.samples import SampleFilter, list_samples, read_samples
from gapbench.view.samples_table import samples_table
from gapbench.view.trend_figures import describe_trend
from gapbench.view.trends import NIGHTS, runs_of, suites_of

BLOCK_ITEMS = 50
"""Samples with their texts in one file."""
MAX_TEXT_CHARS = 20_000
_MEDIA_SUFFIXES: Mapping[bytes, str] = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"RIFF": "webp",
}
_POLICY = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; base-uri 'none'; form-action 'none'"


def export_view(places: Sequence[Path], title: str, folder: Path, max_samples: int, cache: ViewCache) -> int:
    """Write the app with the runs in some folders, and return how many runs there are.

    Args:
        places: Results folders and run folders.
        title: What the page calls the results.
        folder: A folder that does not exist or is empty.
        max_samples: Samples of each run to write, the first ones; the page says how many there are in all.
        cache: The cache folder.

    Raises:
        InputError: The folder has files in it.
        ResultsError: It cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"--export {folder}: the folder is not empty; give a new one")
    entries = Catalog(places).entries()
    try:
        _write(entries, title, folder, max_samples, cache)
    except OSError as exc:
        raise ResultsError(f"cannot write {exc.filename or folder}: {exc.strerror}") from exc
    return len(entries)


def _write(entries: Sequence[RunEntry], title: str, folder: Path, max_samples: int, cache: ViewCache) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir()
    page = static_text("index.html").replace("static/", "")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    write_atomically(folder / "index.html", page.replace("<title>", f"{policy}\n<title>").encode())
    for name in ("app.css", *SHARED_SHEETS, "icon.svg"):
        write_atomically(folder / name, static_text(name).encode())
    write_atomically(folder / "app.js", page_script(exported=True).encode())
    listed = []
    for number, entry in enumerate(entries):
        row = entry.to_json()
        place = f"run-{number:04d}"
        row["place"] = place
        if entry.manifest is not None:
            row |= _write_run(entry, row, folder, place, max_samples, cache)
        listed.append(row)
    trends = _write_trends(entries, folder / "data")
    shown = {"title": title, "version": "exported", "runs": listed, "trends": trends}
    _write_data(folder / "data" / "runs.js", "runs", shown)


def _write_trends(entries: Sequence[RunEntry], data: Path) -> list[dict[str, str]]:
    """Write the trend of each suite, and return where each is."""
    places = []
    for number, (suite, raw) in enumerate(suites_of(entries).items()):
        place = f"trend-{number:04d}"
        found: dict[str, Any] = {"version": "exported", "status": "ready"}
        try:
            found["trend"] = describe_trend(runs_of(entries, raw), raw, NIGHTS)
        except BenchError as exc:
            found["status"] = f"failed: {formatting.strip_controls(str(exc))}"
        _write_data(data / f"{place}.js", place, found)
        places.append({"suite": suite, "place": place})
    return places


def _write_run(
    entry: RunEntry, row: Mapping[str, Any], folder: Path, place: str, max_samples: int, cache: ViewCache
) -> dict[str, Any]:
    """Write one run, and return what the list shows of it."""
    run = entry.folder
    try:
        write_figures(run, cache)
        figures, status = read_figures(run, cache), "ready"
    except BenchError as exc:
        figures, status = None, f"failed: {exc}"
    data = folder / "data"
    shown = {
        **row,
        "live": False,
        "version": "exported",
        "status": status,
        "figures": figures,
        "facts": describe_run(entry),
    }
    index: dict[str, Any] = {"models": [], "of": 0, "rows": []}
    try:
        table = samples_table(run, cache)
        index = {
            **list_samples(table, SampleFilter(), 0, max_samples),
            "models": list(table.models),
            "block": BLOCK_ITEMS,
        }
        for number, rows in enumerate(_blocks(index["rows"])):
            found = read_samples(table, [row["item"] for row in rows], MAX_TEXT_CHARS)
            by_item = {text["item"]: {"models": list(table.models), **text} for text in found}
            texts = [by_item[row["item"]] for row in rows]
            key = f"{place}-block-{number}"
            _copy_media(run, folder, texts)
            _write_data(data / f"{key}.js", key, texts)
    except BenchError as exc:
        shown["problem"] = str(exc)
    _write_data(data / f"{place}.js", place, {"run": shown, "notes": read_notes(run), "samples": index})
    return {
        "live": False,
        "status": status.split(":")[0],
        "figures": None if figures is None else brief_figures(figures),
    }


def _blocks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BLOCK_ITEMS):
        yield rows[start : start + BLOCK_ITEMS]


def _copy_media(run: Path, folder: Path, texts: Sequence[Mapping[str, Any]]) -> None:
    """Copy the images of prompts, each once; their names in the data become those of the copies."""
    turns = [turn for text in texts for turn in _all_turns(text)]
    for part in (part for turn in turns for part in turn["parts"] if "image" in part):
        digest = part["image"]
        source = run / "media" / digest
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or source.is_symlink() or not source.is_file():
            continue
        data = source.read_bytes()
        suffix = next((suffix for magic, suffix in _MEDIA_SUFFIXES.items() if data.startswith(magic)), None)
        if suffix is None:
            continue
        (folder / "media").mkdir(exist_ok=True)
        part["image"] = f"{digest}.{suffix}"
        target = folder / "media" / part["image"]
        if not target.exists():
            write_atomically(target, data)


def _all_turns(text: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    asked = [answer["messages"] for answer in text["answers"] if answer and "messages" in answer]
    return [*text["messages"], *(turn for turns in asked for turn in turns)]


def _write_data(path: Path, key: str, value: Any) -> None:
    """Write a script that hands over JSON as a text, in which nothing can end the text or the script."""
    text = orjson.dumps(orjson.dumps(value, default=float).decode()).decode()
    for char, escape in (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(char, escape)
    write_atomically(path, f"gapbenchData({orjson.dumps(key).decode()}, {text});\n".encode())
