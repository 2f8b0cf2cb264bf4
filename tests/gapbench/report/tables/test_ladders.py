"""The table of ladders in words: thresholds within, below and above a ladder, intervals without a bound, and the gap."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.analysis.quality.answer import LadderAnswer
from gapbench.analysis.quality.ladders import Ladder, LadderGap, LadderModel, RungAccuracy
from gapbench.report.rung_charts import draw_rung_curves
from gapbench.report.tables.ladders import describe_rung_gap, ladder_table
from gapbench.stats.rung_threshold import Threshold, ThresholdGap


def ladder(*thresholds: tuple[float, float | None, float | None], gap: ThresholdGap | None = None) -> Ladder:
    """Return a ladder of ten rungs with a closed model, and an open one for a second threshold."""
    models = tuple(
        LadderModel(
            f"{weights}-model",
            weights,
            Threshold(rung, low, high, 1.0, 30),
            (RungAccuracy(3, 3.0, 4, 0.75, 0.3, 0.95), RungAccuracy(7, 7.0, 9, 0.0, 0.0, 0.3)),
            tuple(1 - place / 10 for place in range(10)),
        )
        for weights, (rung, low, high) in zip(("closed", "open"), thresholds, strict=False)
    )
    gaps = () if gap is None else (LadderGap("closed-model", "open-model", gap, "closed ahead"),)
    return Ladder("mine", "reasoning", 10, "steps", True, models, gaps, simulated=False)


def shown(found: Ladder) -> list[dict[str, str]]:
    """Return the cells of each row by key."""
    table = ladder_table([found])
    assert table is not None
    return [{column.key: column.text(row) for column in table.columns} for row in table.rows]


@pytest.mark.parametrize(
    ("threshold", "rung", "interval"),
    [
        ((5.26, 4.04, 6.5), "5.3", "4.0 to 6.5"),
        ((0.4, None, 1.2), "below 1", "below 1.2"),
        ((10.4, 9.8, None), "above 10", "above 9.8"),
        ((2.0, None, 4.0), "2.0", "below 4.0"),
        ((9.0, 7.0, None), "9.0", "above 7.0"),
        ((5.5, None, None), "5.5", "unknown"),
    ],
)
def test_a_threshold_in_words(
    threshold: tuple[float, float | None, float | None], rung: str, interval: str
) -> None:
    """Of a ladder of ten rungs."""
    (row,) = shown(ladder(threshold))

    assert (row["rung"], row["interval"]) == (rung, interval)


def test_the_curve_names_each_rung_that_was_asked() -> None:
    """Three of four on rung 3, none of nine on rung 7."""
    assert shown(ladder((5.0, 4.0, 6.0)))[0]["curve"] == "3:75 7:0"


def test_the_gap_stands_below_the_table() -> None:
    """Both models, the verdict, the gap, its interval and the shared items."""
    table = ladder_table([ladder((8.0, 7.0, 9.0), (5.0, 4.0, 6.0), gap=ThresholdGap(3.0, 1.6, 4.4, 11, 0.1))])
    assert table is not None

    assert table.notes[0][0] == (
        "mine: closed-model (closed) against open-model (open): closed ahead, +3.0 rungs, 95 % interval +1.6 to +4.4, "
        "11 shared items."
    )


def test_without_a_second_side_there_is_no_gap() -> None:
    """One note: what the figures are."""
    table = ladder_table([ladder((8.0, 7.0, 9.0))])
    assert table is not None

    assert len(table.notes) == 1


def test_no_ladder_no_table() -> None:
    """A report of other tasks does not have it."""
    assert ladder_table([]) is None


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.56, 4.4, "closed ahead: +3.0 rungs of 10 (95 % interval +1.6 to +4.4)"),
        (1.56, None, "closed ahead: +3.0 rungs of 10 (95 % interval +1.6 or more)"),
        (None, 4.4, "closed ahead: +3.0 rungs of 10 (95 % interval up to +4.4)"),
        (None, None, "closed ahead: +3.0 rungs of 10 (95 % interval without bounds)"),
    ],
)
def test_the_answer_in_rungs(low: float | None, high: float | None, words: str) -> None:
    """Each kind of interval."""
    assert words == describe_rung_gap(
        LadderAnswer("mine", 10, True, 8.0, 5.0, 3.0, low, high, "closed ahead")
    )


def test_the_chart_has_a_curve_and_a_dashed_line_for_each_model() -> None:
    """Two models: two curves, two thresholds, two names, and a point for each rung that was asked."""
    chart = str(draw_rung_curves(ladder((8.0, 7.0, 9.0), (5.0, 4.0, 6.0))))

    assert chart.count("<polyline") == 2
    assert chart.count(" slo") == 2
    assert chart.count("<circle") == 4
    assert "closed-model, rung 3: 75.0 % of 4 items" in chart


def test_names_of_neighbors_do_not_cover_each_other() -> None:
    """Both thresholds at 5: the names stand on different heights."""
    chart = str(draw_rung_curves(ladder((5.0, 4.0, 6.0), (5.0, 4.0, 6.0))))
    heights = [part.split('y="')[1].split('"')[0] for part in chart.split('<text class="name')[1:]]

    assert len(set(heights)) == 2


def test_names_from_suites_are_escaped() -> None:
    """A task named as a tag stays text."""
    found: dict[str, Any] = {**ladder((5.0, 4.0, 6.0)).__dict__, "task": "<script>", "measure": "<b>"}
    chart = str(draw_rung_curves(Ladder(**found)))

    assert "<script>" not in chart
    assert "<b>" not in chart
