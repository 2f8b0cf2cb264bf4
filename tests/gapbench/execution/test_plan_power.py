"""`bench plan`: the gap that a plan detects, and what its margin would take, by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gapbench.execution.expected_time import ReplyTime
from gapbench.execution.plan_power import PowerAssumptions, PowerRow, plan_power
from gapbench.execution.setup import Selection, build_run_setup
from tests.two_models import command_output, write_suite

PAIRED = """\
name: mine
models:
  - {id: a, runner: openai, model: gpt-5.2, weights: closed, cost: {input_usd_per_mtok: 2, output_usd_per_mtok: 10}}
  - {id: b, runner: openai, model: other, weights: open, base_url: "http://127.0.0.1:9/v1", cost: {input_usd_per_mtok: 2, output_usd_per_mtok: 10}}
tasks:
  - {name: one, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{q}", target: "{a}", scorer: numeric}
  - {name: two, category: coding, data: q.jsonl, id: "{id}", prompt: "{q}", target: "{a}", scorer: numeric, cluster: "{doc}"}
params: {max_tokens: 64}
loads: [{concurrency: 8}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "q": f"{n} + 1?", "a": n + 1, "doc": n // 5} for n in range(100)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "paired.yaml").write_text(PAIRED)
    return tmp_path


def rows_of(
    text: str = "", *, limit: int | None = None, reply_time: ReplyTime | None = None, **assumed: float
) -> dict[str, PowerRow]:
    if text:
        Path("paired.yaml").write_text(text)
    setup = build_run_setup(Selection("paired.yaml", limit=limit))
    found = plan_power(setup, PowerAssumptions(**assumed, reply_time=reply_time or ReplyTime()))
    return {row.category: row for row in found}


def test_independent_pairs_by_hand(here: Path) -> None:
    """100 pairs at a discordance of .2: 2.8016 x sqrt(.2 / 100) = 12.5 points."""
    row = rows_of()["reasoning"]

    assert (100, 100, 1.0) == (row.pairs, row.clusters, row.design_effect)
    assert row.detectable_points is not None
    assert 12.5 == round(row.detectable_points, 1)
    assert (5_432, 7_272) == (row.pairs_to_detect_margin, row.pairs_for_margin)


def test_clusters_of_five(here: Path) -> None:
    """A design effect of 1 + 4 x .2 = 1.8 over 20 clusters: sqrt(1.8) wider, and a little more by Student's t."""
    row, alone = rows_of()["coding"], rows_of()["reasoning"]

    assert (100, 20) == (row.pairs, row.clusters)
    assert row.design_effect == pytest.approx(1.8)
    assert row.detectable_points is not None
    assert alone.detectable_points is not None
    assert 1.0 < row.detectable_points / alone.detectable_points / math.sqrt(1.8) < 1.1


def test_overall_counts_every_pair(here: Path) -> None:
    """100 of their own and 20 clusters of 5: the mean pair is in a cluster of (100 + 20 x 25) / 200 = 3."""
    row = rows_of()["overall"]

    assert (200, 120) == (row.pairs, row.clusters)
    assert row.design_effect == pytest.approx(1 + 2 * 0.2)


def test_without_correlation_clusters_do_not_matter(here: Path) -> None:
    """--icc 0."""
    found = rows_of(icc=0.0)

    assert found["coding"].detectable_points == pytest.approx(found["reasoning"].detectable_points)


def test_repeats_are_pairs_of_one_source(here: Path) -> None:
    """Three answers to each of 100 samples: 300 pairs in clusters of three."""
    row = rows_of(PAIRED + "repeats: 3\n")["reasoning"]

    assert (300, 100) == (row.pairs, row.clusters)
    assert row.design_effect == pytest.approx(1.4)


def test_dollars_are_the_plans_own_bound_scaled(here: Path) -> None:
    """Both models' bound for the category, times pairs for the margin over planned pairs."""
    from gapbench.execution.run_pricing import cost_bounds

    setup = build_run_setup(Selection("paired.yaml"))
    whole = sum(float(bound.usd or 0) for bound in cost_bounds(setup))
    row = rows_of(icc=0.0)["overall"]

    assert row.usd_for_margin is not None
    assert row.usd_for_margin == pytest.approx(whole * 7_271.6 / 200, rel=1e-3)


def test_hours_by_latency_and_load(here: Path) -> None:
    """7,271.6 pairs x 4 s / 8 in flight = 1.01 h: the two models run side by side."""
    row = rows_of(reply_time=ReplyTime(4.0))["reasoning"]

    assert row.hours_for_margin is not None
    assert row.hours_for_margin == pytest.approx(7_271.6 * 4 / 8 / 3600, rel=1e-3)


def test_hours_by_an_earlier_run(here: Path) -> None:
    """Half a second a request for one model and a second for the other, side by side: the slower counts."""
    row = rows_of(reply_time=ReplyTime(None, {"a": 0.5, "b": 1.0}))["reasoning"]

    assert row.hours_for_margin is not None
    assert row.hours_for_margin == pytest.approx(7_271.6 * 1.0 / 3600, rel=1e-3)


def test_what_is_not_known_is_null(here: Path) -> None:
    """No time of a reply; no price; four clusters."""
    assert rows_of()["reasoning"].hours_for_margin is None
    assert rows_of(reply_time=ReplyTime(None, {"a": 0.5}))["reasoning"].hours_for_margin is None
    unpriced = PAIRED.replace("model: other", "model: other-unheard-of").replace(
        ', base_url: "http://127.0.0.1:9/v1", cost: {input_usd_per_mtok: 2, output_usd_per_mtok: 10}', ""
    )
    assert rows_of(unpriced)["reasoning"].usd_for_margin is None
    few = "".join(json.dumps({"id": f"q{n}", "q": f"{n}?", "a": n, "doc": n // 5}) + "\n" for n in range(20))
    (here / "q.jsonl").write_text(few)
    assert rows_of(PAIRED)["coding"].detectable_points is None


def test_the_command_prints_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 pairs at a discordance of .3: 2.8016 x sqrt(.3 / 30) = 28.0 points; the JSON has the same figure."""
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path)
    text = command_output(capsys, "plan", "suite.yaml", "--discordance", "0.3", "--latency", "2")
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--discordance", "0.3", "--json"))

    assert "28.0 points" in text
    assert 28.0 == round(shown["power"]["rows"][0]["detectable_points"], 1)
    assert (0.3, 0.2, 1.7) == tuple(shown["power"][name] for name in ("discordance", "icc", "margin_points"))
    assert shown["power"]["rows"][0]["hours_for_margin"] is None
