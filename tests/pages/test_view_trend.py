"""The trend tab of `bench view` in a real browser: wide and on a phone, light and dark, by keyboard, with hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from gapbench.analysis.regression.trend import trend
from gapbench.report.trend_page import trend_page
from gapbench.store.baselines import baselines_by_run, set_baseline
from gapbench.view.cache import ViewCache
from gapbench.view.export import export_view
from tests.nights import edit_manifest, write_nights
from tests.pages.test_chromium import CONTRAST
from tests.pages.test_view import HOSTILE, opened, until
from tests.view_server import Served, serve_view

pytestmark = pytest.mark.chromium

SHOWN_HOSTILE = HOSTILE.replace("\u202e", "")
"""The name as the app has it: without the mark that changes the direction of text."""
ROUTES = {"nightly": "#/trend", "hostile": f"#/trend?suite={quote(SHOWN_HOSTILE)}"}
POINTS = "[...document.querySelectorAll('svg.trend circle title')].map((e) => e.textContent)"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 nights of which the last is 20 points down, a baseline, and two older nights whose names are markup."""
    folder = tmp_path_factory.mktemp("nights") / "results"
    nights = write_nights(folder, [88] * 9 + [68], first=10)
    set_baseline(folder, HOSTILE, nights[2], "unit")

    def renamed(_: int, stored: dict[str, Any]) -> None:
        stored["suite"] = HOSTILE

    for night in write_nights(folder, [80, 80], model=f"closed-{HOSTILE}", change=renamed):
        edit_manifest(night, lambda stored: stored.update(reason=HOSTILE))
    return folder


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the served app and of the export."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def served(results: Path, cache_folder: Path) -> Iterator[Served]:
    """The app, when both trends are computed; each question waits a second for its answer."""
    with serve_view([results], cache_folder) as app:
        for suite in ("unit", SHOWN_HOSTILE):
            while app.get(f"api/trend?last=30&suite={quote(suite)}")["status"] == "pending":
                pass
        yield app


@pytest.fixture(scope="module")
def site(results: Path, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder."""
    folder = tmp_path_factory.mktemp("site") / "site"
    export_view([results], "the tests", folder, 10, ViewCache(cache_folder))
    return folder


def base_of(served: Served, site: Path, *, exported: bool) -> str:
    """Return the address of the app, or of its copy on disk."""
    return (site / "index.html").as_uri() if exported else served.url


@pytest.mark.parametrize("exported", [False, True], ids=["served", "exported"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("route", ROUTES)
def test_the_trend_is_quiet_fits_and_is_legible(
    browser: Browser, served: Served, site: Path, route: str, width: int, exported: bool
) -> None:
    """No message, no request elsewhere, no sideways scrolling, contrast of 3 to 1 in light and dark, labels of 9 pixels."""
    page, said = opened(browser, base_of(served, site, exported=exported), ROUTES[route], width)
    page.wait_for_selector("svg.trend")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert width == page.evaluate("document.documentElement.scrollWidth")
        assert page.evaluate(CONTRAST) == []
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.trend text')].map((e) => e.getBoundingClientRect().height))"
    )

    assert smallest >= 9
    assert said == []
    page.close()


@pytest.mark.parametrize("exported", [False, True], ids=["served", "exported"])
def test_it_shows_what_changed_and_when(browser: Browser, served: Served, site: Path, exported: bool) -> None:
    """The side that moved, the first night after the change, the upright line in the chart, the band of the baseline."""
    page, _ = opened(browser, base_of(served, site, exported=exported), ROUTES["nightly"])
    page.wait_for_selector("svg.trend")

    assert "New on the last night: open-a: quality fell" in (page.locator(".verdict").text_content() or "")
    (change,) = page.locator("ul.said li.worse").all_text_contents()
    assert change.startswith("open open-a: quality fell from 2026-10-20 on (night-19)")
    assert 1 == page.locator("svg.trend line.change.worse").count()
    assert 3 == page.locator("svg.trend line.baseline").count()
    assert f"baseline {SHOWN_HOSTILE}" in (page.locator("main table").text_content() or "")
    page.close()


def test_the_charts_are_those_of_bench_trend(browser: Browser, served: Served, results: Path) -> None:
    """One drawing: as many points as on the page of `bench trend --html`, with the same words."""
    page, _ = opened(browser, served.url, ROUTES["nightly"])
    page.wait_for_selector("svg.trend")
    shown = page.evaluate(POINTS)
    nights = [results / f"night-{number}" for number in range(10, 20)]
    page.set_content(trend_page(trend(nights, baselines_by_run(results))))

    assert 3 * 10 == len(shown)
    assert page.evaluate(POINTS) == shown
    page.close()


def test_the_trend_is_reached_and_read_by_keyboard(browser: Browser, served: Served) -> None:
    """`2` opens the tab, the list of suites takes arrows, and a night's link opens its run."""
    page, said = opened(browser, served.url, "#/")
    page.keyboard.press("2")
    page.wait_for_selector("body[data-ready=trend] svg.trend")
    until(page, f"document.querySelector('main select').value === {'unit'!r}")
    page.locator("main select").first.focus()
    page.keyboard.press("ArrowDown")
    until(page, "document.querySelectorAll('main tbody tr:not(.block)').length === 2")
    page.locator("main tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready=run]")

    assert "night-00" in page.url
    page.go_back()
    page.wait_for_selector("body[data-ready=trend]")
    page.keyboard.press("1")
    page.wait_for_selector("body[data-ready=runs]")
    assert said == []
    page.close()


@pytest.mark.parametrize("exported", [False, True], ids=["served", "exported"])
def test_hostile_names_are_inert(browser: Browser, served: Served, site: Path, exported: bool) -> None:
    """Names of the suite, the model and the baseline are read as they stand; nothing runs and nothing is loaded."""
    for route in ROUTES.values():
        page, said = opened(browser, base_of(served, site, exported=exported), route)
        page.wait_for_selector("svg.trend")

        assert said == []
        assert page.title() != "owned"
        assert 0 == page.evaluate(
            "document.querySelectorAll('main script, main img, [onerror], [onload]').length"
        )
        assert "\u202e" not in page.evaluate("document.body.textContent")
        page.close()
