"""Every statement of the article, one row each: what it claims, what the evidence says, the verdict, the sources.

``data/statements.yaml`` lists them. The figures of quality take their verdict from the gap table, the economic claims
from their audit, and prices from the price book at the article's date; the others have their own finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import yaml

from gapbench.analysis.article.claim_inputs import load_claim_inputs
from gapbench.analysis.article.yearly_lead import YearlyLead
from gapbench.analysis.economics.published_inputs import load_published_inputs
from gapbench.pricing import UnitPrices, find_price

TOPICS = ("quality", "models", "prices", "economics", "infrastructure", "advice")
OWN_VERDICTS = ("holds", "holds in part", "contradicted", "not testable", "advice")
_ECONOMIC_SOURCES = ("economics.yaml and prices.yaml, packaged",)
_CLOSE = 1.05
"""A price within 5 % of the real one is right."""


class GapRow(Protocol):
    """What a statement takes from a row of the gap table."""

    @property
    def verdict(self) -> str:
        """The verdict by the rule of the gap table."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Citations of the gaps that count."""
        ...

    def describe(self) -> str:
        """Return the gaps of each moment in one sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the article and its check.

    Attributes:
        id: Short name.
        topic: One of :data:`TOPICS`.
        claim: What the article says, in few words.
        found: What the evidence says, as sentences.
        verdict: A verdict of the gap table or of the economic audit, or one of :data:`OWN_VERDICTS`. ``advice``: a
            recommendation or a question, which has nothing to measure; ``found`` names what answers it.
        sources: Where the finding comes from.
        table: The table of the page with the details: ``figures``, ``economic claim 2b`` or ``errors``. "" if none has.
    """

    id: str
    topic: str
    claim: str
    found: str
    verdict: str
    sources: tuple[str, ...]
    table: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return an item of ``statements`` of ``bench article --json``."""
        return {
            "id": self.id,
            "topic": self.topic,
            "claim": self.claim,
            "found": self.found,
            "verdict": self.verdict,
            "sources": list(self.sources),
        }


def check_statements(
    gap_rows: Mapping[tuple[str, int], GapRow],
    claims: Sequence[Mapping[str, Any]],
    errors: Sequence[Mapping[str, Any]],
    lead: YearlyLead,
) -> tuple[Statement, ...]:
    """Return every statement of the article with its check, in the article's order.

    Args:
        gap_rows: Rows of the gap table by category and year.
        claims: The economic claims, as in ``bench article --json``.
        errors: The factual errors: id, said, found, sources.
        lead: The check of the lead over all lists.
    """
    by_claim = {claim["id"]: claim for claim in claims}
    by_error = {error["id"]: error for error in errors}
    checked = []
    for entry in _entries():
        if "gap" in entry:
            row = gap_rows[tuple(entry["gap"])]
            found: tuple[str, str, Sequence[str], str] = row.describe(), row.verdict, row.sources, "figures"
        elif "economic" in entry:
            claim = by_claim[entry["economic"]]
            verdict = entry.get("verdict", claim["verdict"])
            found = claim["result"], verdict, _ECONOMIC_SOURCES, f"economic claim {claim['id']}"
        elif "error" in entry:
            error = by_error[entry["error"]]
            found = error["found"], entry["verdict"], error["sources"], "errors"
        elif "yearly_lead" in entry:
            found = (*lead, "")
        elif "price" in entry:
            found = (*_check_price(entry["price"]), "")
        else:
            found = entry["found"], entry["verdict"], entry["sources"], ""
        text, verdict, sources, table = found
        checked.append(
            Statement(entry["id"], entry["topic"], entry["claim"], text, verdict, tuple(sources), table)
        )
    return tuple(checked)


@cache
def _entries() -> tuple[dict[str, Any], ...]:
    with files("gapbench.analysis.article.data").joinpath("statements.yaml").open(encoding="utf-8") as file:
        return tuple(yaml.safe_load(file))


def _check_price(model: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the finding, the verdict and the source of the article's price of a model."""
    known = load_published_inputs()
    asked, day = known["prices_used"][model], known["article"]["date"]
    price = find_price(asked["provider"], asked["model"], day)
    assert isinstance(price, UnitPrices), price
    claimed, real = load_claim_inputs().prices[model], (float(price.rates.input), float(price.rates.output))
    factors = [said / paid for said, paid in zip(claimed, real, strict=True)]
    met = sum(1 / _CLOSE <= factor <= _CLOSE for factor in factors)
    verdict = ("contradicted", "holds in part", "holds")[met]
    found = (
        f"The list price of {day} is ${real[0]:g} / ${real[1]:g}: the article's is {factors[0]:.2g} times the input and "
        f"{factors[1]:.2g} times the output price."
    )
    return found, verdict, (f"price book, {asked['provider']} {asked['model']}: {price.detail}",)
