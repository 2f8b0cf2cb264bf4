"""`bench view` in a real browser: every view wide and on a phone, light and dark, by keyboard, with hostile runs."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from gapbench.store import RunWriter
from gapbench.values import Attempt, Payload
from gapbench.view.cache import ViewCache
from gapbench.view.export import export_view
from gapbench.view.notes import add_note
from tests.pages.test_chromium import CONTRAST
from tests.run_folders import make_attempt, manifest
from tests.view_server import Served, serve_view

pytestmark = pytest.mark.chromium

REFERENCE = next((Path(__file__).parents[2] / "results" / "reference").glob("*/run.json")).parent
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u202eevil"
DRAWING = "<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='owned'\"><script>document.title='owned'</script></svg>"
LONG = "long " * 1_000_000
LATE = "sim-closed-c"
VIEWS = {
    "runs": "#/",
    "run": "#/run/first",
    "samples": "#/run/first/samples",
    "diff": "#/run/first/samples?differs=1&diff=1",
    "image": "#/run/first/samples?task=multimodal/charts",
    "notes": "#/run/first/notes",
    "setup": "#/run/first/setup",
    "compare": "#/compare?run=first&run=second&differs=0",
    "search": "#/search?q=transpose",
}


def write_hostile_run(folder: Path) -> Path:
    """Write a run whose names and texts are markup, and one answer of 5 MB."""
    rows: list[tuple[Attempt, str]] = [
        (make_attempt(run_id=folder.name, sample_id=HOSTILE, model_id="closed-a", answer=HOSTILE), HOSTILE),
        (
            make_attempt(run_id=folder.name, sample_id=HOSTILE, model_id=f"open-{HOSTILE}", outcome="wrong"),
            DRAWING,
        ),
        (make_attempt(run_id=folder.name, sample_id="long"), LONG),
    ]
    prompt = '[{"role":"user","parts":[{"text":"<b onclick=\\"document.title=1\\">bold</b>"},{"image_sha256":"../../x","media_type":"text/html"}]}]'
    with RunWriter(folder) as writer:
        given = manifest([row for row, _ in rows])
        writer.write_manifest(
            given.model_copy(
                update={
                    "suite": HOSTILE,
                    "reason": HOSTILE,
                    "state": "stopped",
                    # This client was late, so the times are not the server's.
                    "cells": [cell.model_copy(update={"lag_p99_s": 1.0}) for cell in given.cells],
                }
            )
        )
        for row, text in rows:
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                row,
                Payload(
                    *key,
                    messages=prompt,
                    reply=text,
                    reasoning=DRAWING,
                    target=f'"{"x"}"',
                    reason=HOSTILE,
                    error=None,
                ),
            )
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed reference run twice, the first with a note, this client late for one model; and a hostile run."""
    folder = tmp_path_factory.mktemp("view") / "results"
    for name in ("first", "second"):
        shutil.copytree(REFERENCE, folder / name)
        stored = json.loads((folder / name / "run.json").read_bytes())
        for cell in stored["cells"]:
            cell["lag_p99_s"] = 1.0 if cell["model_id"] == LATE else cell["lag_p99_s"]
        (folder / name / "run.json").write_text(json.dumps(stored))
    add_note(folder / "first", {"text": "a first note"})
    write_hostile_run(folder / "hostile")
    return folder


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the served app and of the export: figures are computed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def served(results: Path, cache_folder: Path) -> Iterator[Served]:
    """The app over the three runs; what it computes when first asked is ready, however busy the machine is."""
    runs = [results / name for name in ("first", "second", "hostile")]
    with serve_view([results], cache_folder, prepared=runs) as app:
        for path in ("run=first&run=second", "run=hostile&run=hostile"):
            app.send(f"api/compare/changes?{path}")
        app.get("api/search?q=transpose")
        yield app


@pytest.fixture(scope="module")
def site(results: Path, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder."""
    folder = tmp_path_factory.mktemp("site") / "site"
    export_view([results], "the tests", folder, 2_000, ViewCache(cache_folder))
    return folder


def until(page: Page, condition: str) -> None:
    """Wait until an expression is true. Playwright's own wait needs `eval`, which the page forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


def opened(
    browser: Browser, base: str, route: str, width: int = 1280, scheme: Any = "light"
) -> tuple[Page, list[str]]:
    """Return the page at a view, and what it said and asked for outside of its own origin."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    origin = base.rsplit("/", 1)[0] + "/"
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on(
        "request",
        lambda request: said.append(request.url) if not request.url.startswith((origin, "data:")) else None,
    )
    page.goto(base + route)
    page.wait_for_selector("body[data-ready]")
    if "samples" in route or "compare" in route:
        page.wait_for_selector("#sample h3")
    if "compare" in route:
        until(page, "!document.body.textContent.includes('computing what changed')")
    if "search" in route:
        until(page, "/runs\\.$/.test(document.querySelector('main [role=status]').textContent)")
    return page, said


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_quiet_fits_and_is_legible(
    browser: Browser, served: Served, view: str, width: int
) -> None:
    """No console message, no request elsewhere, no sideways scrolling, contrast of at least 3 to 1 in light and dark."""
    page, said = opened(browser, served.url, VIEWS[view], width)
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    backgrounds = set()
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert width == page.evaluate("document.documentElement.scrollWidth")
        assert page.evaluate(CONTRAST) == []

    assert len(schemes) == len(backgrounds)
    assert said == []
    page.close()


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_from_disk(browser: Browser, site: Path, view: str) -> None:
    """The exported folder shows the same, without a server and without a message."""
    page, said = opened(browser, (site / "index.html").as_uri(), VIEWS[view], 390, "dark")

    assert said == []
    assert 390 == page.evaluate("document.documentElement.scrollWidth")
    page.close()


@pytest.mark.parametrize("exported", [False, True])
def test_an_image_of_the_prompt_is_shown(
    browser: Browser, served: Served, site: Path, exported: bool
) -> None:
    """From the server and from disk."""
    base = (site / "index.html").as_uri() if exported else served.url
    page, _ = opened(browser, base, VIEWS["image"])
    until(page, "document.querySelector('#sample img').naturalWidth > 100")
    page.close()


def test_the_runs_are_walked_filtered_and_compared_by_keyboard(browser: Browser, served: Served) -> None:
    """Finding 50: `/` filters, j and k move, x picks, c compares."""
    page, _ = opened(browser, served.url, "#/")
    page.keyboard.press("/")
    page.keyboard.type("quickstart sim-open")
    page.keyboard.press("Escape")
    until(page, "document.querySelectorAll('table.runs tbody tr').length === 2")
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_selector("body[data-ready=compare] #sample h3")

    assert ["A", "B"] == page.locator(".side-by-side .letter").all_text_contents()
    page.close()


def test_invalid_times_are_marked_wherever_they_stand(browser: Browser, served: Served) -> None:
    """In the list of runs and in a comparison, as on the run's own page."""
    page, _ = opened(browser, served.url, "#/")
    until(page, "!document.body.textContent.includes('computing …')")

    assert "invalid" in page.locator("tr[data-key=hostile] td[data-l=p95]").inner_text()
    assert "invalid" not in page.locator("tr[data-key=first] td[data-l=p95]").inner_text()
    page, _ = opened(browser, served.url, "#/compare?run=first&run=second&differs=0")
    late = page.locator("table.side-by-side tr", has=page.locator("th", has_text=LATE))
    assert 2 == late.inner_text().count("invalid")


def test_a_run_is_read_and_annotated_by_keyboard(browser: Browser, served: Served) -> None:
    """Finding 48: Enter opens, 2 shows samples, j moves, d diffs, n writes a note; and the link has it all."""
    page, said = opened(browser, served.url, "#/?q=quickstart")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready=run] .verdict")
    page.keyboard.press("2")
    page.wait_for_selector("#sample h3")
    ids = page.locator("#sample-list .sample-id").all_text_contents()
    page.keyboard.press("d")
    until(page, "document.querySelector('#sample').textContent.includes('against ')")
    for chosen in ids[1:]:
        page.keyboard.press("j")
        until(page, f"document.querySelector('#sample h3').textContent === {chosen!r}")
        if page.locator("#sample ins").count() > 0:
            break
    page.keyboard.press("n")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#sample .note-text")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("#sample h3")

    assert chosen == page.locator("#sample h3").first.text_content()
    assert chosen == page.locator('[aria-selected="true"] .sample-id').text_content()
    assert page.locator("#sample ins").count() > 0
    assert "by keyboard" == page.locator("#sample .note-text").text_content()
    assert said == []
    page.close()


def test_a_search_marks_what_it_found(browser: Browser, served: Served) -> None:
    """Finding 48: full text, over prompts and answers of a run."""
    page, _ = opened(browser, served.url, VIEWS["samples"])
    page.keyboard.press("/")
    page.keyboard.type("transpose")
    page.wait_for_selector("#sample mark")

    assert "transpose" == page.locator("#sample mark").first.text_content()
    assert page.locator("#sample-list .snippet").count() == page.locator("#sample-list .sample-row").count()
    page.close()


def test_the_keys_are_listed(browser: Browser, served: Served) -> None:
    """`?` opens the list, Escape closes it."""
    page, _ = opened(browser, served.url, VIEWS["samples"])
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] kbd")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.close()


def test_everything_that_works_by_mouse_can_have_the_focus(browser: Browser, served: Served) -> None:
    """Tab goes through each link, button and field of the samples view, and through the list."""
    page, _ = opened(browser, served.url, VIEWS["samples"])
    count = page.evaluate(
        "[...document.querySelectorAll('a[href], button:not(:disabled), input, select, textarea, summary, [tabindex=\"0\"]')].filter((e) => e.getClientRects().length).length"
    )
    reached = set()
    for _ in range(count + 5):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(() => { const e = document.activeElement; if (!e.dataset.n) e.dataset.n = String(document.querySelectorAll('[data-n]').length + 1); return e.dataset.n; })()"
            )
        )

    assert len(reached) >= count
    page.close()


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize(
    "route",
    [
        "#/",
        "#/run/hostile",
        "#/run/hostile/samples",
        "#/run/hostile/samples?diff=1",
        "#/run/hostile/setup",
        "#/search?q=onload",
        "#/compare?run=hostile&run=hostile&differs=0",
    ],
)
def test_hostile_names_and_texts_are_inert(
    browser: Browser, served: Served, site: Path, route: str, exported: bool
) -> None:
    """Scripts, drawings and marks that change the direction are read as they stand; nothing runs and nothing is loaded."""
    base = (site / "index.html").as_uri() if exported else served.url
    page, said = opened(browser, base, route)
    page.wait_for_timeout(200)

    assert said == []
    assert page.title() != "owned"
    assert (
        page.evaluate(
            "document.querySelectorAll('main script, main img[onerror], main svg[onload], main b[onclick]').length"
        )
        == 0
    )
    assert "\u202e" not in page.evaluate("document.body.textContent")
    page.close()


def test_an_answer_of_5_mb_is_shown_in_part_and_then_whole(browser: Browser, served: Served) -> None:
    """100,000 characters at first; the rest when the reader asks."""
    page, said = opened(browser, served.url, "#/run/hostile/samples?at=reasoning/sums&at=long&at=0&at=c8")
    until(page, "document.querySelector('#sample h3').textContent === 'long'")
    box = page.locator("#sample .answer pre").last

    assert 100_000 == len(box.text_content() or "")
    page.get_by_role("button", name="Show all 5,000,000 characters").click()
    until(
        page,
        "[...document.querySelectorAll('#sample .answer pre')].some((pre) => pre.textContent.length === 5000000)",
    )
    # A piece is laid out when it comes into view, or the page would stand still for many seconds; until then it has the
    # height that the style sheet guesses.
    last_height = "document.querySelector('#sample .answer pre .piece:last-child').offsetHeight"
    assert 4600 == page.evaluate(last_height)
    box.evaluate("(pre) => pre.scrollTo(0, pre.scrollHeight)")
    until(page, f"{last_height} !== 4600")
    assert said == []
    page.close()


def test_a_run_under_way_grows_on_the_page(browser: Browser, tmp_path: Path) -> None:
    """Answers that another process adds appear without a reload."""
    rows = [make_attempt(run_id="live", sample_id=str(number)) for number in range(3)]
    given = manifest(rows).model_copy(update={"state": "running", "ended_at": None})
    with RunWriter(tmp_path / "results" / "live") as writer:
        writer.write_manifest(given)

        def add(row: Attempt) -> None:
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                dataclasses.replace(row),
                Payload(*key, messages="[]", reply="4", reasoning=None, target=None, reason="", error=None),
            )
            writer.sync()

        add(rows[0])
        with serve_view([tmp_path / "results"], tmp_path / "cache") as app:
            page, said = opened(browser, app.url, "#/run/live/samples")
            assert 1 == page.locator(".sample-row").count()
            assert "running" in (page.locator(".page-head").text_content() or "")
            for row in rows[1:]:
                add(row)
            until(page, "document.querySelectorAll('.sample-row').length === 3")
            assert said == []
            page.close()
