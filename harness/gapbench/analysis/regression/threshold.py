"""Rules of the regression gate, such as ``accuracy<-2pp``: how much worse than the baseline a metric may become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gapbench.errors import InputError

Unit = Literal["pp", "%"]
METRICS: Mapping[str, str] = {
    "accuracy": "mean score, in points (pp)",
    "coverage": "share of requests that got an answer, in points (pp)",
    "p50_response": "median of scheduled to done, in percent (%)",
    "p95_response": "95th percentile of scheduled to done, in percent (%)",
    "p50_ttft": "median of sent to first token, in percent (%)",
    "p95_ttft": "95th percentile of sent to first token, in percent (%)",
    "cost_per_task": "dollars over answered requests, in percent (%)",
    "cost_per_correct": "dollars over correct answers, in percent (%)",
}
"""Metrics of a rule and their units."""

_RULE = re.compile(r"\s*([a-z0-9_]+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(pp|%)\s*")
_SHARES = {"accuracy", "coverage"}


@dataclass(frozen=True, slots=True)
class RegressionRule:
    """How much worse a metric may become.

    Attributes:
        metric: See :data:`METRICS`.
        sign: ``<`` fails if the change falls below ``limit``, ``>`` if it rises above.
        limit: In ``unit``: points, or percent of the baseline.
        unit: ``pp`` for shares, ``%`` for the others.
        text: The rule as written.
    """

    metric: str
    sign: Literal["<", ">"]
    limit: float
    unit: Unit
    text: str

    @classmethod
    def parse(cls, text: str) -> RegressionRule:
        """Return the rule for a text such as ``accuracy<-2pp`` or ``p95_response>+20%``.

        Raises:
            InputError: The text is not a rule.
        """
        found = _RULE.fullmatch(text)
        if not found:
            raise InputError(
                f"--fail-on {text!r}: write a metric, < or >, and a change, such as accuracy<-2pp or p95_response>+20%"
            )
        metric, sign, limit, unit = found.groups()
        if metric not in METRICS:
            raise InputError(f"--fail-on {text!r}: no metric {metric!r}; there are: {', '.join(METRICS)}")
        expected = "pp" if metric in _SHARES else "%"
        if unit != expected:
            raise InputError(
                f"--fail-on {text!r}: {metric} changes in {expected}, write {metric}{sign}{limit}{expected}"
            )
        if (sign == "<") != (metric in _SHARES):
            better = "falls" if metric in _SHARES else "rises"
            raise InputError(
                f"--fail-on {text!r}: {metric} is worse when it {better}; write {'<' if metric in _SHARES else '>'}"
            )
        if sign == "<" and limit[0] not in "+-" and float(limit):
            raise InputError(
                f"--fail-on {text!r}: would fail every rise of less than {limit} {unit}; did you mean {metric}<-{limit}{unit}? "
                f"(to require a rise, write {metric}<+{limit}{unit})"
            )
        return cls(
            metric, "<" if sign == "<" else ">", float(limit), "pp" if unit == "pp" else "%", text.strip()
        )

    @property
    def tolerated(self) -> float:
        """The largest worsening that does not fail, as a positive number. Negative: an improvement is required."""
        return -self.limit if self.sign == "<" else self.limit

    def is_broken_by(self, change: float) -> bool:
        """Return whether a change is beyond the limit."""
        return change < self.limit if self.sign == "<" else change > self.limit


DEFAULT_RULES = ("accuracy<-2pp", "coverage<-1pp")
"""Rules used if the user names none. Times and prices have no tolerance that suits everyone."""
