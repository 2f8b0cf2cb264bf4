"""`bench trend` from the command line: terminal, Markdown, page, JSON, webhook, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.local_server import serve
from tests.nights import edit_manifest, versions, write_nights

DRIFTED = [88] * 14 + [74]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """15 nights; the last one is 14 points down, and its server is another version."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_WEBHOOK", raising=False)
    write_nights(Path("results"), DRIFTED, change=versions({0: {"vllm": "0.9"}, 14: {"vllm": "0.10"}}))
    return Path("results")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert code == invoke(list(arguments)), capsys.readouterr()
    return capsys.readouterr()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_first_line_is_the_news(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Finding 40: what is new, then a row for each night, then since when and what else changed; at any width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = said(capsys, "trend").out.splitlines()
    text = " ".join(" ".join(lines).split())

    assert lines[0].startswith("New on the last night: open-a: quality fell")
    assert all(len(line) <= columns for line in lines)
    assert all(f"2026-10-{day:02}" in text for day in range(1, 16))
    assert "quality fell from 2026-10-15 on (night-14)" in text
    assert "Changed that night: engine: package: vllm 0.9 -> vllm 0.10" in text


def test_fail_exits_3_on_a_change_for_the_worse(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the option a drift is told and nothing fails; nights before it are quiet."""
    said(capsys, "trend", code=0)
    said(capsys, "trend", "--fail", code=3)
    edit_manifest(results / "night-14", lambda value: value.update(state="stopped"))
    said(capsys, "trend", "--fail", code=0)


def test_all_outputs_have_the_same_figures(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Markdown is appended, the page has three charts, JSON has the row of each night; baselines are marked in each."""
    said(capsys, "baseline", "set", "results/night-02", "--name", "good")
    Path("summary.md").write_text("before\n")
    found = json.loads(said(capsys, "trend", "--md", "summary.md", "--html", "t.html", "--json").out)
    markdown, page = Path("summary.md").read_text(), Path("t.html").read_text()
    shown = f"{100 * found['rows'][-1]['accuracy']:.1f} %"

    assert markdown.startswith("before\n## New on the last night: open-a: quality fell")
    assert 3 == page.count('<svg class="trend"')
    assert all(shown in text and "baseline good" in text for text in (markdown, page))
    assert ["good"] == found["nights"][2]["baselines"]
    (change,) = found["changes"]
    assert ("night-14", True, "engine") == (
        change["first_after"],
        change["is_new"],
        change["causes"][0]["kind"],
    )


def test_a_page_without_scripts_holds_hostile_names(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite may be called anything."""
    for night in results.glob("night-*"):
        edit_manifest(night, lambda value: value.update(suite="<script>alert(1)</script>"))
    said(capsys, "trend", "--html", "t.html", "--md", "t.md")
    page = Path("t.html").read_text()

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert r"\<script\>" in Path("t.md").read_text()


def test_last_limits_the_nights(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest three; too few to search."""
    shown = said(capsys, "trend", "results", "--last", "3").out
    found = json.loads(said(capsys, "trend", "results", "--last", "3", "--json").out)

    assert ["night-12", "night-13", "night-14"] == [night["run"] for night in found["nights"]]
    assert [] == found["changes"]
    assert shown.startswith("Too few nights to search for changes: the first is night 6 (unit, 3 nights)")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "there is no run in nowhere; name a results folder"),
        (("results/night-00",), "results/night-00 is one run; name the results folder"),
        (("--suite", "other"), "no complete run of 'other'; there are runs of: unit"),
        (("--webhook", "secret"), "the webhook is not an address"),
    ],
)
def test_bad_input_is_exit_2_and_one_line(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """What was found, and what to do."""
    output = said(capsys, "trend", *arguments, code=2).err

    assert words in output
    assert 1 == len(output.strip().splitlines())


def test_a_drift_is_posted_where_the_variable_says(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is neither printed nor stored; a night without news posts nothing."""
    with serve(lambda *_: (200, "ok")) as server:
        monkeypatch.setenv("BENCH_WEBHOOK", f"{server.url}/secret")
        shown = said(capsys, "trend")
        said(capsys, "trend", "--last", "3")

    (body,) = server.bodies
    assert ("drift", "unit") == (body["event"], body["data"]["suite"])
    assert "vllm 0.10" in body["lines"][0]
    assert "Webhook (drift): sent as json" == shown.err.strip()
    assert "secret" not in shown.out + shown.err
    assert not [path for path in results.rglob("*.json") if "secret" in path.read_text()]


def test_a_webhook_that_fails_is_told_and_changes_no_exit_code(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused message is not a reason to fail, nor to pass."""
    with serve(lambda *_: (403, None)) as server:
        passed = said(capsys, "trend", "--webhook", server.url, code=0)
        failed = said(capsys, "trend", "--fail", "--webhook", server.url, code=3)

    assert ["Webhook (drift): not sent: HTTP 403"] * 2 == [passed.err.strip(), failed.err.strip()]


def test_a_red_gate_is_posted(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A regression is, a pass is not; Slack's shape on request."""
    rule = ("--fail-on", "accuracy<-2pp")
    with serve(lambda *_: (200, "ok")) as server:
        hook = ("--webhook", server.url, "--webhook-format", "slack")
        said(capsys, "compare", "night-00", "night-01", *rule, *hook, code=0)
        said(capsys, "compare", "night-00", "night-14", *rule, *hook, code=3)

    (body,) = server.bodies
    assert body["text"].startswith("Regression: open-a accuracy")
    assert "accuracy<-2pp" in body["blocks"][1]["text"]["text"]
