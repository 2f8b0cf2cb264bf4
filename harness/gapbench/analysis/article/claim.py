"""One audited claim, and the rule by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ClaimVerdict = Literal["holds", "holds in part", "contradicts itself", "impossible"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and what comes of it.

    Attributes:
        id: Row of the audit, such as ``2b``.
        claim: In the article's sense.
        formula: What is computed.
        own: Result from the article's own inputs.
        real: Result at real prices. "": prices play no part.
        verdict: See :func:`claim_verdict`.
        holds_when: Inputs at which it would hold.
        checks: The conditions of the verdict and whether each is met.
        numbers: What was computed, by name with its unit.
    """

    id: str
    claim: str
    formula: str
    own: str
    real: str
    verdict: ClaimVerdict
    holds_when: str
    checks: Mapping[str, bool]
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """Both results in one sentence each."""
        return f"{self.own} {self.real}".strip()

    def to_json(self) -> dict[str, str]:
        """Return the documented shape of a claim in ``bench article --json``."""
        return {
            "id": self.id,
            "claim": self.claim,
            "formula": self.formula,
            "result": self.result,
            "verdict": self.verdict,
            "holds_when": self.holds_when,
        }


def claim_verdict(checks: Mapping[str, bool], *, impossible: bool = False) -> ClaimVerdict:
    """Return the verdict of a claim that was put as conditions on its own inputs.

    All of them hold: ``holds``. Some: ``holds in part``. None: ``contradicts itself``.

    Args:
        checks: The conditions in words, and whether each is met.
        impossible: It is beyond a bound that no input can move, such as saving more than the whole bill.
    """
    if impossible:
        return "impossible"
    met = sum(checks.values())
    if met == len(checks):
        return "holds"
    return "holds in part" if met else "contradicts itself"
