"""The page in a real browser: wide and phone, light and dark, by keyboard, with hostile answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from gapbench.cli import invoke
from gapbench.report import html
from tests.run_folders import make_attempt, write_run
from tests.traffic_logs import import_files

pytestmark = pytest.mark.chromium

REFERENCE = sorted((Path(__file__).parents[2] / "results" / "reference").glob("*/run.json"))
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\x1b[31m</script>"
)
VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
# What a reader can't make out: text whose contrast with what is behind it is below 3 to 1 (WCAG 2.2, 1.4.3, large text).
CONTRAST = """() => {
  const value = (c) => { const [r, g, b] = c.match(/[0-9.]+/g).map(Number).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$|transparent/.test(c)) return c; } return "rgb(255,255,255)"; };
  return [...document.querySelectorAll("main *")].filter((e) => !e.closest("svg") && !e.disabled && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.getClientRects().length)
    .map((e) => { const [a, b] = [value(getComputedStyle(e).color), value(behind(e))].sort((x, y) => y - x); return [(a + .05) / (b + .05), e.className, e.textContent.slice(0, 40)]; })
    .filter(([ratio]) => ratio < 3);
}"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed reference run."""
    path = tmp_path_factory.mktemp("page") / "reference.html"
    path.write_text(html.html_report([found.parent for found in REFERENCE]), encoding="utf-8")
    return path


def opened(browser: Browser, path: Path, width: int = 1280, scheme: Any = "light") -> tuple[Page, list[str]]:
    """Return the page and what its console said."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
    )
    page.goto(path.as_uri())
    page.wait_for_selector("#samples[data-ready] ~ *", state="attached")
    page.wait_for_selector("#sample h3")
    return page, said


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_page_is_quiet_and_fits(browser: Browser, reference: Path, width: int, scheme: str) -> None:
    """No console message, no request, no sideways scrolling of the page."""
    page, said = opened(browser, reference, width, scheme)

    assert said == []
    assert width == page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_labels_are_legible(browser: Browser, reference: Path, width: int, scheme: str) -> None:
    """Contrast of at least 3 to 1 everywhere, and no text below 9 pixels on the screen."""
    page, _ = opened(browser, reference, width, scheme)

    assert page.evaluate(CONTRAST) == []
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll("main svg text")].map((t) => t.getBoundingClientRect().height))"""
    )
    assert smallest >= 9


def test_no_table_is_cut_on_a_wide_screen(browser: Browser, reference: Path) -> None:
    """At 1280 every column of every table is in view."""
    page, _ = opened(browser, reference)

    assert not page.evaluate(
        "[...document.querySelectorAll('.scroll,.box')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.parentElement.id)"
    )


def test_a_phone_scrolls_a_wide_table_in_its_own_box(browser: Browser, reference: Path) -> None:
    """The last column can be reached, the first stays in view, and the page itself does not move."""
    page, _ = opened(browser, reference, 390)
    for section in ("models", "cost"):
        box = page.locator(f"#{section} .box")
        box.evaluate("(e) => e.scrollTo(e.scrollWidth, 0)")
        first, last = box.evaluate(
            "(e) => [e.querySelector('tbody tr:nth-child(2) td'), e.querySelector('tbody tr:nth-child(2) td:last-child')]"
            ".map((cell) => cell.getBoundingClientRect()).map((r) => [r.left, r.right])"
        )
        assert 0 <= first[0]
        assert first[1] < last[1] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_of_a_chart_do_not_cover_each_other_or_a_point(
    browser: Browser, reference: Path, width: int
) -> None:
    """The names in the two scatter plots; a phone has them larger."""
    page, _ = opened(browser, reference, width)
    covered = page.evaluate(
        """[...document.querySelectorAll("svg.scatter")].flatMap((svg) => {
          const boxes = [...svg.querySelectorAll("text.name")].map((t) => t.getBoundingClientRect());
          const points = [...svg.querySelectorAll("circle")].map((c) => c.getBoundingClientRect());
          return boxes.flatMap((a, i) => [...boxes.slice(i + 1), ...points].filter((b) => a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom).map(() => 1));
        })"""
    )

    assert covered == []


def test_the_browser_is_walked_by_keyboard(browser: Browser, reference: Path) -> None:
    """Down twice and up once is the second request."""
    page, _ = opened(browser, reference)
    ids = page.locator("#sample-list .sample-id").all_text_contents()
    page.focus("#sample-list")
    for key in ("ArrowDown", "j", "k"):
        page.keyboard.press(key)
    page.wait_for_function(
        "name => document.querySelector('#sample h3').textContent === name", arg=ids[1].split(" ·")[0]
    )

    assert ids[1] == page.locator('[aria-selected="true"] .sample-id').text_content()


def test_flipped_shows_what_one_had_right_and_the_other_wrong(browser: Browser, reference: Path) -> None:
    """Between two models each row left has both marks."""
    page, _ = opened(browser, reference)
    page.select_option("#model-one", label="sim-closed-a")
    page.select_option("#model-other", label="sim-open-large")
    page.check("#flipped")
    rows = page.locator("#sample-list .sample-row")
    marks = page.evaluate(
        """[...document.querySelectorAll(".sample-row")].map((row) => [...row.querySelectorAll(".mark")]
           .filter((m) => /^sim-(closed-a|open-large):/.test(m.title)).map((m) => m.classList.contains("correct")))"""
    )

    assert rows.count() > 0
    assert all(sorted(pair) == [False, True] for pair in marks)
    assert page.locator("#sample .answer").count() == 2


def test_an_image_of_the_prompt_is_shown(browser: Browser, reference: Path) -> None:
    """Decoded, with a size."""
    page, _ = opened(browser, reference)
    page.select_option("#by-category", label="multimodal")
    page.wait_for_selector("#sample img")

    assert page.evaluate("document.querySelector('#sample img').naturalWidth") > 100


def test_a_hostile_answer_stays_text(browser: Browser, tmp_path: Path) -> None:
    """Markup in id, prompt, reply and reason runs nothing and is read as it stands."""
    run = write_run(tmp_path / "run-1", [make_attempt(sample_id=HOSTILE, answer=HOSTILE)], HOSTILE)
    path = tmp_path / "hostile.html"
    path.write_text(html.html_report([run]), encoding="utf-8")
    page, said = opened(browser, path)

    assert said == []
    assert "owned" not in page.title()
    assert "<script>document.title='owned'</script>" in (
        page.locator("#sample pre").last.text_content() or ""
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_audit_shows_every_column(browser: Browser, tmp_path: Path, width: int) -> None:
    """Fifteen columns fit a wide window, and a card on a phone: no table has to be scrolled, no figure is broken."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 100}}
    records = [
        {
            "timestamp": f"2026-01-{day:02d}T09:00:00+00:00",
            "latency_ms": 4300 + day,
            "ttft_ms": 250,
            "route": "summary",
            "request": {
                "model": "gpt-5.2",
                "messages": [{"role": "user", "content": f"Where is order {day}?"}],
                "tools": [{"type": "function", "function": {"name": "find", "parameters": {}}}],
            },
            "response": {
                "id": f"r{day}",
                "model": "gpt-5.2",
                "choices": [{"message": {"role": "assistant", "content": "Here."}, "finish_reason": "stop"}],
                "usage": usage,
            },
        }
        for day in range(1, 29)
    ]
    import_files(tmp_path, {"log.jsonl": records})
    path = tmp_path / "audit.html"
    assert 0 == invoke(["traffic", "audit", str(tmp_path / "traffic.parquet"), "--html", str(path)])
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())

    assert 13 <= page.evaluate("document.querySelector('#traffic_by_route tbody tr').cells.length")
    assert [] == page.evaluate(
        "[...document.querySelectorAll('.scroll,.box')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.parentElement.id)"
    )
    assert [] == page.evaluate(
        "[...document.querySelectorAll('td .value')].filter((e) => e.getClientRects().length > 1).map((e) => e.textContent)"
    )
    page.close()
