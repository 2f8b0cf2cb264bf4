"""The packaged figures: every one has a source, every pair one snapshot."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

EVIDENCE = files("harness.book").joinpath("evidence.csv")


def evidence() -> pd.DataFrame:
    with EVIDENCE.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def test_every_published_figure_has_a_source_and_a_date() -> None:
    """A figure that cannot be looked up is no evidence."""
    frame = evidence()

    assert frame[["benchmark", "as_of", "side", "model", "score", "unit", "source"]].notna().all(axis=None)
    assert set(frame["category"]) == {"arena", "coding", "reasoning", "multimodal"}


def test_each_snapshot_has_one_figure_for_each_side() -> None:
    """A gap is taken within one snapshot of one list, best closed against best open."""
    for _, rows in evidence().groupby(["benchmark", "as_of", "mode"]):
        assert sorted(rows["side"]) == ["closed", "open"]


def test_the_arena_gap_of_february_2026() -> None:
    """1503 against 1455 on 2026-02-26: 48, not the article's 25."""
    frame = evidence()
    day = frame[(frame["benchmark"] == "Chatbot Arena (text)") & (frame["as_of"] == "2026-02-26")].set_index(
        "side"
    )

    assert day["score"].to_dict() == {"closed": 1503.0, "open": 1455.0}
