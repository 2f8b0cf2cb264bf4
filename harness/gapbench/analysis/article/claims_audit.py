"""The audit of the article's economic claims, recomputed from its own inputs and at real prices.

The article's numbers are in ``data/economics.yaml`` of the economics package; results and verdicts are computed, never
typed in. The ids are those of the audit in ``docs/explanation/economics.md``.
"""

from __future__ import annotations

import pandas as pd

from gapbench.analysis.article import claims_1_to_5, claims_6_to_13
from gapbench.analysis.article.claim import Claim
from gapbench.analysis.article.claim_inputs import load_claim_inputs


def audit_claims() -> list[Claim]:
    """Return every claim, in the order of the audit."""
    given = load_claim_inputs()
    rows = (
        claims_1_to_5.claim_1_price_at_a_billion,
        claims_1_to_5.claim_2_times_cheaper,
        claims_1_to_5.claim_2b_closed_average,
        claims_1_to_5.claim_3_range_cheaper,
        claims_1_to_5.claim_4_range_per_mtok,
        claims_1_to_5.claim_5_break_even,
        claims_6_to_13.claim_6_saving,
        claims_6_to_13.claim_7_table_api,
        claims_6_to_13.claim_7b_table_rows,
        claims_6_to_13.claim_8_table_self_hosted,
        claims_6_to_13.claim_9_hidden_costs,
        claims_6_to_13.claim_10_infrastructure,
        claims_6_to_13.claim_11_thresholds,
        claims_6_to_13.claim_12_hardware,
        claims_6_to_13.claim_13_storage,
    )
    return [row(given) for row in rows]


def audit_frame() -> pd.DataFrame:
    """Return the audit as a table: id, claim, formula, own, real, verdict, holds_when (all text)."""
    names = ["id", "claim", "formula", "own", "real", "verdict", "holds_when"]
    return pd.DataFrame([[getattr(claim, name) for name in names] for claim in audit_claims()], columns=names)
