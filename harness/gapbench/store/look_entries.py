"""The entries of ``run.json`` about looks at a run: the stopping rule of ``--until-sure``, and looks without one."""

from __future__ import annotations

from gapbench.store.manifest_types import Count, Entry, JsonObject, Number, PlainName, UtcTime


class SequentialEntry(Entry):
    """The stopping rule of a run with ``--until-sure``, and its looks.

    Attributes:
        rule: The rule in words.
        alpha: Probability that the run ends with a wrong conclusion.
        margin_points: Gap in percentage points that makes no difference.
        comparisons: Pairs of a closed and an open model; each gets an equal part of ``alpha``.
        largest_cluster: Pairs in the largest cluster of the plan.
        planned_pairs: Pairs of the whole plan, for each pair of models.
        information: Share of the plan at each of a fixed number of looks; [] for the always-valid e-process.
        looks: The looks that were taken: ``at``, ``planned_pairs``, ``share``, ``alpha_spent`` (null for the
            e-process) and ``comparisons`` with the interval and the conclusion of each pair of models.
        decision: What stopped the run, in words. None: nothing yet, or the plan ended without a decision.
    """

    rule: str
    alpha: Number
    margin_points: Number
    comparisons: Count
    largest_cluster: Count
    planned_pairs: Count
    information: list[Number]
    looks: list[JsonObject]
    decision: str | None


class EarlierLook(Entry):
    """A look at the results before this run was complete.

    Attributes:
        run_id: The run that was looked at: this one, or a smaller one that it extends.
        at: When.
        requests: Finished requests of each model at that time, at least.
    """

    run_id: PlainName
    at: UtcTime
    requests: Count
