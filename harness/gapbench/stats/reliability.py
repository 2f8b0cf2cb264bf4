"""How reliably a model solves a task again: pass^k, intervals over tasks, and the repeats that a gap needs.

The tasks are the sample, the repeats of a task are draws inside it, so every interval counts tasks (or their clusters)
and never single repeats. A repeat without a score (infra) is left out of its own task alone; the other tasks keep theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from gapbench.stats.pass_at_k import Components
from gapbench.stats.power import ALPHA, POWER
from gapbench.stats.proportions import Interval, Ints, mean_interval
from gapbench.stats.survey_design import Design, weighted_mean

Estimator = Callable[[int, int, int], float | None]
"""Returns the estimate of one task from its judged repeats, the right ones, and k: :func:`pass_at_k` or :func:`pass_hat_k`."""


def pass_hat_k(n: int, correct: int, k: int) -> float | None:
    """Return the unbiased estimate of the probability that all of ``k`` independent tries succeed.

    C(c, k) / C(n, k); Yao et al., "tau-bench" (2024), arXiv:2406.12045, section 2, in the product form, in which no binomial
    can overflow. It is written pass^k; for k = 1 it is the share of right tries, as is pass@1.

    Args:
        n: Number of judged tries.
        correct: Number of right tries, c.
        k: Number of tries drawn, at least 1.

    Returns:
        0 to 1, or None if fewer than ``k`` tries were judged.
    """
    if k < 1 or n < k:
        return None
    if correct < k:
        return 0.0
    return math.prod((correct - drawn) / (n - drawn) for drawn in range(k))


class TaskMean(NamedTuple):
    """The mean of an estimate over tasks.

    Attributes:
        value: The mean. None: no task has enough repeats.
        interval: Its confidence interval over tasks, or over their clusters.
        tasks: Tasks that count.
        tasks_short: Tasks left out because they have fewer than k judged repeats.
    """

    value: float | None
    interval: Interval
    tasks: int
    tasks_short: int


def mean_over_tasks(
    estimator: Estimator,
    judged: Ints,
    correct: Ints,
    k: int,
    clusters: Ints | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> TaskMean:
    """Return pass@k or pass^k averaged over tasks.

    The interval is Wilson's with the effective number of tasks (:func:`mean_interval`). A studentised bootstrap over tasks
    was measured beside it: it is wider for 20 tasks, and near 1 it covers less (88 % against 96 % at 20 tasks of 0.95).

    Args:
        estimator: :func:`pass_at_k` or :func:`pass_hat_k`.
        judged: Judged repeats of each task.
        correct: Right repeats of each task.
        k: Number of tries.
        clusters: Cluster code of each task. None: the tasks are independent.
        confidence: Nominal coverage.
        design: Weights and strata of the tasks. None: each counts once.
    """
    found = [estimator(int(n), int(c), k) for n, c in zip(judged, correct, strict=True)]
    counted = np.array([value is not None for value in found], dtype=bool)
    values = np.array([value for value in found if value is not None], dtype=np.float64)
    short = len(found) - len(values)
    if not len(values):
        return TaskMean(None, Interval(None, None), 0, short)
    codes = np.arange(len(found)) if clusters is None else np.asarray(clusters)
    of_counted = None if design is None else design.take(counted)
    interval = mean_interval(values, codes[counted], confidence, of_counted)
    return TaskMean(weighted_mean(values, of_counted), interval, len(values), short)


def intraclass_correlation(parts: Components) -> float | None:
    """Return the share of one answer's variance that lies between tasks: ICC(1) of Shrout and Fleiss.

    Psychol. Bull. 86 (1979) 420. 1: every repeat of a task ends alike. 0: tasks do not differ, all is chance.

    Args:
        parts: Components of the answers by task, from :func:`variance_components`.

    Returns:
        None if nothing varies.
    """
    total = parts.item_variance + parts.repeat_variance
    return parts.item_variance / total if total > 0 else None


def noise_floor(parts: Components, tasks: int, repeats: int) -> float:
    """Return the standard deviation of a mean over the same tasks from one whole run to the next.

    It is the within-task variance alone: what remains when tasks, models and settings are the same.

    Args:
        parts: Components of the answers by task; of the paired differences, for a gap.
        tasks: Number of tasks.
        repeats: Repeats of each task in a run.
    """
    return math.sqrt(parts.repeat_variance / (tasks * repeats))


def repeats_to_resolve(
    gap: float,
    parts: Components,
    tasks: float,
    *,
    same_tasks: bool = False,
    level: float = 1 - ALPHA / 2,
    power: float = POWER,
) -> int | None:
    """Return the repeats of each task with which a test detects a gap between two models.

    The variance of the mean paired difference over T tasks with r repeats is (item variance + repeat variance / r) / T.

    Args:
        gap: True gap, 0 to 1.
        parts: Components of the paired differences by task.
        tasks: Number of tasks, T; with weights the effective one.
        same_tasks: Whether the claim is about these tasks only. Then differences between tasks are no noise.
        level: One-sided confidence of the test; for a two-sided test at 5 %, 0.975.
        power: Probability of detecting the gap.

    Returns:
        At least 1. None: no number of repeats is enough, it needs more tasks; or there is no gap to detect.
    """
    if gap == 0 or tasks < 1:
        return None
    wanted = float(special.ndtri(level) + special.ndtri(power))
    allowed = tasks * (gap / wanted) ** 2 - (0.0 if same_tasks else parts.item_variance)
    if allowed <= 0:
        return None
    return max(1, math.ceil(parts.repeat_variance / allowed - 1e-9))
