"""The stopping rule that a comparison of runs follows, at the look that was taken last."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gapbench.analysis.frames import Runs
from gapbench.stats import Floats, Ints, dense_codes
from gapbench.stats.sequential import StoppingRule, cluster_totals


@dataclass(frozen=True)
class AppliedRule:
    """A stopping rule and the number of looks that were taken by it.

    Attributes:
        rule: The rule. Its error is split over all pairs of models, so its intervals need no further correction.
        look: Looks taken. 0: none.
    """

    rule: StoppingRule
    look: int

    @property
    def name(self) -> str:
        """The rule in words."""
        return self.rule.name

    @property
    def is_unlooked(self) -> bool:
        """Whether the rule has a fixed number of looks and none was taken, so that its interval is not known."""
        return bool(self.rule.information) and self.look == 0

    @property
    def without_weights(self) -> str:
        """Why it does not apply where weights are used."""
        return (
            f"{self.name} counts each request once: with weights the intervals do not allow for its looks; --weights equal has "
            "the rule's own verdict"
        )

    def interval(self, differences: Floats, clusters: Ints) -> tuple[float, float]:
        """Return the interval of the mean of paired differences, 0 to 1."""
        sums, sizes = cluster_totals(differences, dense_codes(clusters).tolist())
        # Rows that were added from other runs may have made a cluster larger than planned.
        largest = max(self.rule.largest_cluster, int(sizes.max()))
        return replace(self.rule, largest_cluster=largest).interval(sums, sizes, self.look)


def applied_rule(runs: Runs) -> tuple[AppliedRule | None, list[str]]:
    """Return the rule that runs follow together, or None and why it does not apply."""
    entries = [manifest.sequential for manifest in runs.manifests if manifest.sequential is not None]
    if not entries:
        return None, []
    has_fixed_looks = any(entry.information for entry in entries)
    if len(runs.manifests) > 1 and has_fixed_looks:
        note = (
            "several runs are read together, and one stops by a fixed number of looks, which holds for its own pairs "
            "only; read it alone"
        )
        return None, [note]
    rule = StoppingRule(
        max(int(entry.largest_cluster) for entry in entries),
        tuple(float(share) for share in entries[0].information),
        max(int(entry.comparisons) for entry in entries),
    )
    return AppliedRule(rule, len(entries[0].looks)), []
