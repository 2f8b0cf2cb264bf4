"""The routes of the app: JSON for the page, images of prompts, and the page's own files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gapbench import formatting
from gapbench.errors import BenchError, InputError, ResultsError
from gapbench.view.background import Background
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import Catalog, RunEntry
from gapbench.view.comparison import compare_samples
from gapbench.view.notes import add_note, delete_note, read_notes
from gapbench.view.page_files import static_text
from gapbench.view.run_facts import describe_run
from gapbench.view.samples import PAGE_ITEMS, SampleFilter, find_item, list_samples, read_sample, read_text
from gapbench.view.samples_table import samples_table
from gapbench.view.search_all import search_runs
from gapbench.view.text_search import TextMatches, TextSearch, find_snippets
from gapbench.view.trends import MAX_NIGHTS, NIGHTS, Trends

STATIC_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
MAX_BODY_BYTES = 100_000
MAX_PAGE = 500
_KEPT_CHANGES = 100
_IMAGE_MAGIC: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_HASH = re.compile(r"[0-9a-f]{64}")


class ViewApp:
    """The app over some results.

    Args:
        places: Results folders and run folders.
        cache: The cache folder.
        title: What the page calls the results.
    """

    def __init__(self, places: Sequence[Path], cache: ViewCache, title: str) -> None:
        self._catalog = Catalog(places)
        self._cache = cache
        self._title = title
        self._search = TextSearch(cache)
        self._background = Background(cache)
        self._trends = Trends(self._background)
        self._changes: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def prepare_all(self) -> int:
        """Prepare every run in the background, newest first, and return how many runs there are."""
        entries = self._catalog.entries()
        for entry in entries:
            if entry.manifest is not None:
                self._background.prepare(entry)
        return len(entries)

    def close(self) -> None:
        """End what runs in the background."""
        self._search.close()
        self._background.close()

    def asgi(self) -> Starlette:
        """Return the ASGI app. Its handlers run in threads: DuckDB and files may take their time."""
        one_run = "/api/runs/{key}"
        routes = [
            Route("/", _static_file),
            Route("/static/{name}", _static_file),
            _json_route("/api/runs", self._runs),
            _json_route(one_run, self._run),
            _json_route(one_run + "/samples", self._samples),
            _json_route(one_run + "/sample", self._sample),
            Route(one_run + "/text", _guarded(self._text)),
            Route(one_run + "/media/{digest}", _guarded(self._media)),
            _json_route(one_run + "/notes", self._notes),
            Route(one_run + "/notes", self._add_note, methods=["POST"]),
            Route(one_run + "/notes/{note_id}", _guarded(self._delete_note), methods=["DELETE"]),
            _json_route("/api/compare", self._compare),
            _json_route("/api/compare/changes", self._compare_changes),
            _json_route("/api/compare/samples", self._compare_samples),
            _json_route("/api/search", self._search_all),
            _json_route("/api/trend", self._trend),
            Route("/report/{key}", _guarded(self._report)),
        ]
        return Starlette(routes=routes)

    def _runs(self, request: Request) -> Any:
        """Return every run with its figures; ``unchanged`` if the page has seen this list."""
        rows = []
        for entry in self._catalog.entries():
            row = entry.to_json()
            if entry.manifest is not None:
                figures, status = self._background.figures(entry)
                row["status"] = status.split(":")[0]
                row["figures"] = None if figures is None else brief_figures(figures)
            rows.append(row)
        version = format(hash(orjson.dumps(rows)) & 0xFFFFFFFFFFFF, "x")
        if request.query_params.get("seen") == version:
            return {"unchanged": True, "version": version}
        return {"title": self._title, "version": version, "runs": rows}

    def _run(self, request: Request) -> Any:
        entry = self._entry(request)
        figures, status = self._background.figures(entry, first=True)
        version = f"{entry.fingerprint}-{status.split(':')[0]}-{entry.notes}-{entry.is_live}"
        if request.query_params.get("seen") == version:
            return {"unchanged": True, "version": version}
        return {
            **entry.to_json(),
            "version": version,
            "status": formatting.strip_controls(status),
            "figures": figures,
            "facts": describe_run(entry),
        }

    def _samples(self, request: Request) -> Any:
        entry, given = self._entry(request), request.query_params
        table = samples_table(entry.folder, self._cache)
        found = self._matches(entry, given.get("q", ""))
        chosen = SampleFilter(
            task=given.get("task", ""),
            category=given.get("category", ""),
            outcome=given.get("outcome", ""),
            models=tuple(given.getlist("model")),
            only_different=given.get("differs") == "1",
            sort=given.get("sort", "order") or "order",
            items=None if found is None else found.items,
        )
        page = list_samples(
            table, chosen, _count(given, "offset", 0), min(MAX_PAGE, _count(given, "limit", PAGE_ITEMS))
        )
        page["models"] = list(table.models)
        if found is not None:
            page.update(terms=found.terms, searched_share=found.searched_share)
            snippets = find_snippets(table, [row["item"] for row in page["rows"]], found.terms)
            for row in page["rows"]:
                row["snippet"] = snippets.get(row["item"])
        return page

    def _matches(self, entry: RunEntry, query: str) -> TextMatches | None:
        """Return the matches of a search, or None if there is nothing to look for."""
        return self._search.find(entry.folder, query) if query.strip() else None

    def _sample(self, request: Request) -> Any:
        entry, given = self._entry(request), request.query_params
        table = samples_table(entry.folder, self._cache)
        if "item" in given:
            item: int | None = _count(given, "item", 0)
        else:
            item = find_item(
                table,
                given.get("task", ""),
                given.get("id", ""),
                _count(given, "repeat", 0),
                given.get("load", ""),
            )
        if item is None:
            raise ResultsError(
                f"{entry.key} has no sample {given.get('id', '')!r} of {given.get('task', '')!r} (yet)"
            )
        return {"models": list(table.models), **read_sample(table, item)}

    def _text(self, request: Request) -> Response:
        """Return one whole text; as plain text that no browser interprets."""
        entry, given = self._entry(request), request.query_params
        table = samples_table(entry.folder, self._cache)
        text = read_text(table, _count(given, "item", 0), given.get("model", ""), given.get("name", ""))
        return PlainTextResponse(text)

    def _media(self, request: Request) -> Response:
        """Return an image of a prompt, if it is one that a browser shows without running anything."""
        entry, digest = self._entry(request), request.path_params["digest"]
        path = entry.folder / "media" / digest
        if not _HASH.fullmatch(digest) or path.is_symlink() or not path.is_file():
            raise ResultsError(f"{entry.key} has no image {digest[:80]!r}")
        data = path.read_bytes()
        kind = next((kind for magic, kind in _IMAGE_MAGIC.items() if data.startswith(magic)), None)
        if kind is None:
            raise ResultsError(f"image {digest} is neither PNG, JPEG, GIF nor WebP; it is in {path.parent}")
        return Response(data, media_type=kind)

    def _notes(self, request: Request) -> Any:
        return {"notes": read_notes(self._entry(request).folder)}

    async def _add_note(self, request: Request) -> Response:
        async def add() -> Response:
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                raise InputError("expected a note as application/json")
            body = b""
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise InputError(f"a note has at most {MAX_BODY_BYTES:,} bytes")
            try:
                given = orjson.loads(body)
            except orjson.JSONDecodeError as exc:
                raise InputError(f"the note is not JSON: {exc}") from exc
            if not isinstance(given, dict):
                raise InputError("expected a note as a JSON object")
            note = await run_in_threadpool(lambda: add_note(self._entry(request).folder, given))
            self._catalog.forget_notes()
            return _json({"note": note}, 201)

        try:
            return await add()
        except BenchError as exc:
            return _error(exc)

    def _delete_note(self, request: Request) -> Response:
        delete_note(self._entry(request).folder, request.path_params["note_id"])
        self._catalog.forget_notes()
        return _json({})

    def _compare(self, request: Request) -> Any:
        """Return the figures of several runs."""
        shown = []
        for key in request.query_params.getlist("run"):
            entry = self._catalog.find(key)
            figures, status = self._background.figures(entry, first=True)
            shown.append({**entry.to_json(), "status": status.split(":")[0], "figures": figures})
        return {"runs": shown}

    def _compare_changes(self, request: Request) -> Any:
        """Return what changed from one run to another."""
        keys = request.query_params.getlist("run")
        if len(keys) != 2:
            raise InputError(f"run: found {len(keys)}; changes are between two runs")
        first, second = map(self._catalog.find, keys)
        known = (first.key, first.fingerprint, second.key, second.fingerprint)
        if known not in self._changes:
            found = self._background.call("describe_changes", first.folder, second.folder)
            if len(self._changes) >= _KEPT_CHANGES:
                self._changes.clear()
            self._changes[known] = found
        return self._changes[known]

    def _compare_samples(self, request: Request) -> Any:
        given = request.query_params
        entries = [self._catalog.find(key) for key in given.getlist("run")]
        tables = [samples_table(entry.folder, self._cache) for entry in entries]
        query = given.get("q", "").strip()
        found = [self._search.find(entry.folder, query) for entry in entries] if query else []
        page = compare_samples(
            tables,
            task=given.get("task", ""),
            outcome=given.get("outcome", ""),
            only_different=given.get("differs") == "1",
            items={place: matches.items for place, matches in enumerate(found)} if query else None,
            offset=_count(given, "offset", 0),
            limit=min(MAX_PAGE, _count(given, "limit", PAGE_ITEMS)),
        )
        page["models"] = [list(table.models) for table in tables]
        if found:
            page["terms"] = found[0].terms
            page["searched_share"] = min(matches.searched_share for matches in found)
        return page

    def _search_all(self, request: Request) -> Any:
        given = request.query_params
        entries = [entry for entry in self._catalog.entries() if entry.manifest is not None]
        return search_runs(
            self._search, self._cache, entries, given.get("q", ""), after=given.get("after", "")
        )

    def _trend(self, request: Request) -> Any:
        """Return the trend of a suite; ``unchanged`` if the page has seen it."""
        given = request.query_params
        last = min(MAX_NIGHTS, max(1, _count(given, "last", NIGHTS)))
        found = self._trends.find(self._catalog.entries(), given.get("suite", ""), last)
        if given.get("seen") == found["version"]:
            return {"unchanged": True, "version": found["version"]}
        return found

    def _report(self, request: Request) -> Response:
        """Return the page of ``bench report --html``, with a policy for its one script."""
        page, script_hash = self._background.call("render_report", self._entry(request).folder)
        policy = (
            f"default-src 'none'; script-src '{script_hash}'; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return Response(page, media_type=STATIC_TYPES["html"], headers={"Content-Security-Policy": policy})

    def _entry(self, request: Request) -> RunEntry:
        return self._catalog.find(request.path_params["key"])


def _static_file(request: Request) -> Response:
    name = request.path_params.get("name", "index.html")
    ending = name.rpartition(".")[2]
    if not re.fullmatch(r"[a-z_]+\.[a-z]+", name) or ending not in STATIC_TYPES:
        return PlainTextResponse("404: no such file", 404)
    try:
        text = static_text(name)
    except FileNotFoundError:
        return PlainTextResponse("404: no such file", 404)
    return Response(text, media_type=STATIC_TYPES[ending])


def brief_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures that the list of runs shows."""
    kept = ("empty", "headline", "side", "simulated", "models", "usd_spent", "shown_spent")
    accuracy = [row for row in figures["gaps"] if row["metric"] == "accuracy"]
    overall = [row for row in accuracy if row["category"] == formatting.OVERALL] or accuracy[:1]
    return {**{name: figures.get(name) for name in kept}, "gap": overall[0] if overall else None}


def _count(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise InputError(f"{name}: found {text[:40]!r}; expected a whole number of 0 or more")
    return int(text)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=float), status, media_type="application/json")


def _error(error: BenchError) -> Response:
    status = 404 if isinstance(error, ResultsError) else 400
    return _json({"error": formatting.strip_controls(str(error))}, status)


def _guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def handle(request: Request) -> Response:
        try:
            return handler(request)
        except BenchError as exc:
            return _error(exc)

    return handle


def _json_route(path: str, handler: Callable[[Request], Any]) -> Route:
    return Route(path, _guarded(lambda request: _json(handler(request))))
