"""The article's economic claims, recomputed: from its own inputs, and at real prices.

Its numbers stand in ``harness/book/economics.yaml``; results and verdicts are computed, never typed. Ids
are those of the audit in ``docs/economics.md``.
"""

from __future__ import annotations

import pandas as pd

from harness.analysis import audit_bills, audit_prices
from harness.analysis.audit_inputs import inputs
from harness.analysis.claims import Claim


def audit() -> list[Claim]:
    """Return every claim, in the order of the audit."""
    given = inputs()
    rows = (
        audit_prices.price_at_a_billion,
        audit_prices.times_cheaper,
        audit_prices.closed_average,
        audit_prices.range_cheaper,
        audit_prices.range_per_mtok,
        audit_prices.break_even,
        audit_bills.saving,
        audit_bills.table_api,
        audit_bills.table_rows,
        audit_bills.table_self_hosted,
        audit_bills.hidden,
        audit_bills.infrastructure,
        audit_bills.thresholds,
        audit_bills.hardware,
        audit_bills.storage,
    )
    return [row(given) for row in rows]


def audit_frame() -> pd.DataFrame:
    """Return the audit as a table: id, claim, formula, own, real, verdict, holds_when (all text)."""
    names = ["id", "claim", "formula", "own", "real", "verdict", "holds_when"]
    return pd.DataFrame([[getattr(claim, name) for name in names] for claim in audit()], columns=names)
