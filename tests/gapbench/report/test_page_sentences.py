"""Sentences on pages: what is between backticks is code, and nothing else is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.report.html import page_environment
from gapbench.report.page_sentences import render_sentence
from tests.traffic_logs import CHAT_REPLY, import_files


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("by `bench tco` and `bench advise`.", "by <code>bench tco</code> and <code>bench advise</code>."),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("one ` alone", "one ` alone"),
        ("``", "``"),
        ("red \x1b[31mhot", "red hot"),
        (None, "–"),
    ],
)
def test_a_sentence(text: str | None, markup: str) -> None:
    """Escaped first; an odd backtick stays."""
    assert markup == render_sentence(text)


class _Shown(HTMLParser):
    """Collects the text of a page outside of code, preformatted text, styles and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.text = ""
        self.code = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in {"code", "pre", "style", "script"}:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.text += data
        elif self.inside[-1] == "code":
            self.code += data + "\n"


def shown(page: str) -> _Shown:
    parser = _Shown()
    parser.feed(page)
    return parser


def test_the_page_of_an_audit_has_no_backticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its notes name commands: they are code."""
    monkeypatch.chdir(tmp_path)
    request = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Hello"}]}
    import_files(tmp_path, {"log.jsonl": [{"request": request, "response": CHAT_REPLY}]})

    assert 0 == invoke(["traffic", "audit", "traffic.parquet", "--html", "page.html"])
    page = shown(Path("page.html").read_text(encoding="utf-8"))

    assert "`" not in page.text
    assert "bench tco" in page.code


@pytest.mark.parametrize("name", ["brief", "report", "traffic", "trend"])
def test_no_template_shows_a_sentence_as_plain_text(name: str) -> None:
    """Every value that is a sentence passes the one filter; `clean` is for names, titles and commands."""
    source, _, _ = page_environment().loader.get_source(page_environment(), f"{name}.html.j2")  # type: ignore[union-attr] # the pages have a loader
    sentences = ("line", "note", "headline", "sentence", "text", "check", "search_note", "chart_note", "cell")

    for value in sentences:
        assert f"{{{{ {value} }}}}" not in source
        assert f"{{{{ {value}|clean }}}}" not in source
