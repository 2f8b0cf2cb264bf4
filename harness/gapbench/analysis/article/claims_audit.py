"""The article's economic claims, recomputed: from its own inputs, and at real prices.

Its numbers stand in ``harness/book/economics.yaml``; results and verdicts are computed, never typed. Ids
are those of the audit in ``docs/economics.md``.
"""

from __future__ import annotations

import pandas as pd

from gapbench.analysis.article import claims_1_to_5, claims_6_to_13
from gapbench.analysis.article.claim import Claim
from gapbench.analysis.article.claim_inputs import inputs


def audit() -> list[Claim]:
    """Return every claim, in the order of the audit."""
    given = inputs()
    rows = (
        claims_1_to_5.price_at_a_billion,
        claims_1_to_5.times_cheaper,
        claims_1_to_5.closed_average,
        claims_1_to_5.range_cheaper,
        claims_1_to_5.range_per_mtok,
        claims_1_to_5.break_even,
        claims_6_to_13.saving,
        claims_6_to_13.table_api,
        claims_6_to_13.table_rows,
        claims_6_to_13.table_self_hosted,
        claims_6_to_13.hidden,
        claims_6_to_13.infrastructure,
        claims_6_to_13.thresholds,
        claims_6_to_13.hardware,
        claims_6_to_13.storage,
    )
    return [row(given) for row in rows]


def audit_frame() -> pd.DataFrame:
    """Return the audit as a table: id, claim, formula, own, real, verdict, holds_when (all text)."""
    names = ["id", "claim", "formula", "own", "real", "verdict", "holds_when"]
    return pd.DataFrame([[getattr(claim, name) for name in names] for claim in audit()], columns=names)
