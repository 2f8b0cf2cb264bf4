"""Tests of an estimate by its standard error, with critical values from resampling and Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from gapbench.stats.proportions import Floats

_ROUNDING = 1 + 1e-9
"""Resampled errors often equal the observed one up to rounding; they count as equal."""


@dataclass(frozen=True, slots=True)
class StudentisedTest:
    """Tests whether a quantity equals a hypothesized value. Interval and p-value come from the same critical values.

    A critical value is the quantile of the resampled errors' absolute size, and never below Student's t.

    Attributes:
        estimate: The estimate.
        standard_error: Its standard error.
        degrees: Degrees of freedom of Student's t.
        errors: Absolute resampled errors in standard errors, ascending. None means Student's t alone.
        least: Smallest possible value of the quantity.
        most: Largest possible value.
    """

    estimate: float
    standard_error: float
    degrees: float
    errors: Floats | None = None
    least: float = -math.inf
    most: float = math.inf

    def p_value(self, value: float = 0.0) -> float:
        """Return the two-sided p-value of a value: the smallest level whose interval leaves the value out."""
        distance = abs(self.estimate - value)
        if self.standard_error <= 0 or distance == 0:
            return float(distance == 0)
        size = distance / self.standard_error / _ROUNDING
        p = 2 * float(special.stdtr(self.degrees, -size))
        if self.errors is None:
            return p
        beyond = len(self.errors) - int(np.searchsorted(self.errors, size, side="left"))
        return min(1.0, max(p, (beyond + 1) / (len(self.errors) + 1)))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the smallest and the largest value that the test does not reject at ``1 - confidence``."""
        width = self._critical_value(confidence) * self.standard_error if self.standard_error > 0 else 0.0
        return max(self.least, self.estimate - width), min(self.most, self.estimate + width)

    def _critical_value(self, confidence: float) -> float:
        critical = float(special.stdtrit(self.degrees, 0.5 + confidence / 2))
        if self.errors is not None:
            # Rejected if (errors as large + 1) / (draws + 1) is below the level.
            allowed = math.ceil((1 - confidence) * (len(self.errors) + 1) - 1 - 1e-9) - 1
            critical = max(critical, float(self.errors[-1 - allowed])) if allowed >= 0 else math.inf
        return critical * _ROUNDING
