"""Episodes in a real browser, on the page of `bench report`, in `bench view` and exported: hostile, long, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from gapbench.report import html
from gapbench.view.cache import ViewCache
from gapbench.view.export import export_view
from tests.episode_runs import write_episode_run
from tests.pages.test_chromium import CONTRAST
from tests.view_server import serve_view

pytestmark = pytest.mark.chromium

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\x1b[31mred"
    "<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='owned'\"></svg>"
)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the three pages of a run whose tool said 5 MB of markup."""
    folder = tmp_path_factory.mktemp("episodes")
    run = write_episode_run(folder / "results" / "run", HOSTILE + "long " * 1_000_000, HOSTILE)
    report = folder / "report.html"
    report.write_text(html.html_report([run]), encoding="utf-8")
    cache = folder / "cache"
    with serve_view([run.parent], cache, prepared=[run]) as served:
        export_view([run.parent], "the tests", folder / "site", 10, ViewCache(cache))
        yield {
            "report": report.as_uri(),
            "view": served.url + "#/run/run/samples",
            "export": (folder / "site" / "index.html").as_uri() + "#/run/run/samples",
        }


def opened(browser: Browser, address: str, width: int) -> tuple[Page, list[str]]:
    """Return the page with the episode, and what the page said."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(120_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".episode-turn")
    return page, said


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["report", "view", "export"])
def test_a_hostile_episode_is_inert_and_legible(
    browser: Browser, pages: dict[str, str], name: str, width: int
) -> None:
    """Nothing runs, the page fits, each text has a contrast of 3 to 1, and the 5 MB are shortened."""
    page, said = opened(browser, pages[name], width)

    assert "owned" not in page.title()
    assert 0 == page.locator(".episode script, .episode img, .episode svg").count()
    assert page.locator(".episode").inner_text().count("left out") == 1
    assert width == page.evaluate("document.documentElement.scrollWidth")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert [] == page.evaluate(CONTRAST)
    assert [] == said
    page.close()


@pytest.mark.parametrize("name", ["report", "view"])
def test_an_episode_says_what_happened(browser: Browser, pages: dict[str, str], name: str) -> None:
    """Turns, call, error, change of the state, times, and why it ended."""
    page, _ = opened(browser, pages[name], 1280)

    text = page.locator(".episode").inner_text()
    for words in (
        "2 turns · 1 call · 5.00 s in all", "calls find", '"order": "Zanzibar"', "error of find, 500 ms",
        'orders › 7 › status = "sent"', "model 2.00 s, tool 500 ms, queue 500 ms", "It is gone.", "done: nothing to add",
    ):  # fmt: skip
        assert words in text
    page.close()


def test_a_turn_is_closed_by_keyboard(browser: Browser, pages: dict[str, str]) -> None:
    """Enter on its first line."""
    page, _ = opened(browser, pages["view"], 1280)

    page.locator(".episode-turn > summary").first.focus()
    page.keyboard.press("Enter")

    assert page.locator(".episode-turn").first.get_attribute("open") is None
    page.close()
