"""`bench run --cache` says under which loads the cache is not used: a timed load asks every question again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.cli import invoke

SUITE = """
name: words
models: [{id: small, runner: sim, model: small, weights: open}]
tasks: [{name: words, category: reasoning, data: rows.jsonl, prompt: "{q}", target: "{a}", scorer: contains}]
loads: LOADS
"""
ALL = "the cache is not used: every load of this run measures time"


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        ("[{concurrency: 2, timed: true}]", ALL),
        ("[{concurrency: 2, timed: false}, {concurrency: 1, timed: true}]", "not used under concurrency 1:"),
        ("[{concurrency: 2}]", None),
    ],
)
def test_a_run_says_where_the_cache_is_not_used(
    loads: str,
    said: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One note, and none where every load uses it."""
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"q": "Say a.", "a": "a"}\n')
    Path("suite.yaml").write_text(SUITE.replace("LOADS", loads))

    assert 0 == invoke(["run", "suite.yaml", "--yes", "--cache", "kept"])

    out = capsys.readouterr().out
    assert ("the cache is not used" in out) == (said is not None)
    assert said is None or said in " ".join(out.split())
