"""The article's statement that closed models led by 15 to 20 % in 2024, over all lists in percent."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from gapbench.analysis.article.article_book import Moment
from gapbench.analysis.article.published_gaps import PublishedGap

CLAIM_YEAR, CLAIM_LOW, CLAIM_HIGH = 2024, 15.0, 20.0
FACTOR = 1.5
"""Largest ratio between the claim and a median at which they meet, as for the figures of the gap table."""


class YearlyLead(NamedTuple):
    """The check of the statement.

    Attributes:
        found: What the lists say, as a sentence.
        verdict: ``supported`` if both ends of the range meet the median of each moment, ``contradicted`` if neither
            end meets any, else ``partly``. ``not testable`` without gaps.
        sources: Citations of the gaps.
    """

    found: str
    verdict: str
    sources: tuple[str, ...]


def check_yearly_lead(gaps: Sequence[PublishedGap], moments: Sequence[Moment]) -> YearlyLead:
    """Return the check over the latest gap of each list at each moment of the year, in percent of the closed score.

    Args:
        gaps: All published gaps. Lists in Elo and vendors' tables about their own models do not count.
        moments: All moments; those of other years are ignored.
    """
    sentences, meets, inside, total = [], [], 0, 0
    sources: dict[str, None] = {}
    for moment in [one for one in moments if one.year == CLAIM_YEAR]:
        latest = {
            one.benchmark: one
            for one in sorted(gaps, key=lambda gap: gap.as_of)
            if moment.start <= one.as_of <= moment.end and one.unit == "percent" and not one.vendor_table
        }
        values = sorted(one.gap_percent_of_closed for one in latest.values())
        if not values:
            continue
        middle = statistics.median(values)
        meets += [middle > 0 and max(end / middle, middle / end) <= FACTOR for end in (CLAIM_LOW, CLAIM_HIGH)]
        inside += sum(CLAIM_LOW <= value <= CLAIM_HIGH for value in values)
        total += len(values)
        sentences.append(
            f"{moment.name} {middle:.1f} % ({values[0]:.1f} to {values[-1]:.1f}, {len(values)} lists)"
        )
        sources |= dict.fromkeys(source for one in latest.values() for source in one.sources)
    if not meets:
        return YearlyLead("No published gap counts.", "not testable", ())
    verdict = "supported" if all(meets) else "partly" if any(meets) else "contradicted"
    found = (
        f"Median over the lists, in percent of the closed score: {'; '.join(sentences)}. {inside} of the {total} gaps "
        f"{'lies' if inside == 1 else 'lie'} between {CLAIM_LOW:g} and {CLAIM_HIGH:g} %: one number for the year hides what it is made of."
    )
    return YearlyLead(found, verdict, tuple(sources))
