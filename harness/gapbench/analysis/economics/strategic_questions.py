"""The questions of strategy that money does not answer: which way of serving each of them favors, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gapbench.analysis.economics.measured_quality import MeasuredQuality
from gapbench.analysis.economics.tco import Tco
from gapbench.formatting import format_short_usd
from gapbench.store.json_records import records

Priority = Literal["speed-to-market", "cutting-edge", "support", "transparency", "predictable-cost"]
PRIORITIES: tuple[Priority, ...] = (
    "speed-to-market", "cutting-edge", "support", "transparency", "predictable-cost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StrategicQuestion:
    """One question, and which option its answer favors.

    Attributes:
        priority: Its name for ``--priority``.
        question: The question.
        favours: The legs that it favors: ``closed``, ``hosted``, ``self``.
        because: Why, with the numbers of this case.
    """

    priority: Priority
    question: str
    favours: tuple[str, ...]
    because: str

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "priority": self.priority,
            "question": self.question,
            "favours": list(self.favours),
            "because": self.because,
        }


def strategic_questions(tco: Tco, quality: MeasuredQuality | None) -> list[StrategicQuestion]:
    """Return the five questions.

    Args:
        tco: Total cost at the volume.
        quality: What was measured of the models. None if nothing was.
    """
    return [
        _speed_to_market(tco),
        _cutting_edge(quality),
        StrategicQuestion(
            "support",
            "Do you need a vendor's support and guarantees?",
            ("closed", "hosted"),
            "an API comes with its provider's contract and service level; your own servers have the support that you staff",
        ),
        StrategicQuestion(
            "transparency",
            "Must you be able to inspect and pin the model?",
            ("hosted", "self"),
            "open weights can be inspected, kept and served unchanged for years; a closed model changes or retires when "
            "its vendor decides, and `bench compare` against a baseline only notices it",
        ),
        _predictable_cost(tco),
    ]


def _speed_to_market(tco: Tco) -> StrategicQuestion:
    own = next(row for row in records(tco.legs) if row["leg"] == "self")
    needs = "self-hosting first needs servers, people and a load test"
    if own["replicas"] is not None:
        gpus = own["replicas"] * tco.scenario.point_values.get("gpus_per_replica", 1.0)
        needs = (
            f"self-hosting first needs {own['replicas']:,.0f} replicas ({gpus:,.0f} GPUs), "
            f"{tco.scenario.point_values['engineers']:g} engineers and a load test"
        )
    return StrategicQuestion(
        "speed-to-market", "How soon must it run?", ("closed", "hosted"), f"an API answers today; {needs}"
    )


def _cutting_edge(quality: MeasuredQuality | None) -> StrategicQuestion:
    favours: tuple[str, ...] = ("closed", "hosted", "self")
    if quality is None:
        because = "not measured; `bench run` on your own tasks shows which model is ahead on them"
    else:
        favours = ("closed",) if quality.is_closed_ahead else favours
        if quality.verdict == "open ahead":
            favours = ("hosted", "self")
        because = f"on your tasks: {quality.verdict}"
        if quality.lag_months is not None:
            because += f"; a closed model as good as {quality.open_model} came out {quality.lag_months:g} months before the run"
    return StrategicQuestion(
        "cutting-edge", "Do you need the best model as soon as it exists?", favours, because
    )


def _predictable_cost(tco: Tco) -> StrategicQuestion:
    spreads = []
    for row in records(tco.legs):
        low, high = row["usd_p05"], row["usd_p95"]
        if low is not None and high is not None and row["usd"] is not None:
            spreads.append(f"{row['leg']} {format_short_usd(low)} to {format_short_usd(high)}")
    known = f"; today's range (5 to 95 %): {', '.join(spreads)}" if spreads else ""
    return StrategicQuestion(
        "predictable-cost",
        "Must the bill be known in advance?",
        ("self",),
        "your own servers cost the same in a busy month until another replica is needed; "
        f"an API's bill grows with every token{known}",
    )
