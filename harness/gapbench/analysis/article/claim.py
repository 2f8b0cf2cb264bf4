"""An audited economic claim, and the rule for its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ClaimVerdict = Literal["holds", "holds in part", "contradicts itself", "impossible"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and the result of its audit.

    Attributes:
        id: Row of the audit, such as ``2b``.
        claim: The claim as the article means it.
        formula: The formula that is computed.
        own: Result from the article's own inputs, as a sentence.
        real: Result at real prices, as a sentence. "" if prices do not matter.
        verdict: See :func:`claim_verdict`.
        holds_when: Inputs for which the claim would hold.
        checks: The conditions of the verdict, and whether each is met.
        numbers: Computed numbers by name; the name contains the unit.
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
        """Both results, as sentences."""
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
    """Return the verdict of a claim from conditions on the article's own inputs.

    ``holds`` if all conditions are met, ``holds in part`` if some are, ``contradicts itself`` if none is.

    Args:
        checks: The conditions in words, and whether each is met.
        impossible: Whether the claim exceeds a bound for any input, such as saving more than the whole bill.
    """
    if impossible:
        return "impossible"
    met = sum(checks.values())
    if met == len(checks):
        return "holds"
    return "holds in part" if met else "contradicts itself"
