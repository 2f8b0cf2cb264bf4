"""The article's economic claims: verdicts by rule, numbers by hand."""

from __future__ import annotations

import pytest

from gapbench.analysis.article.claim import Claim, claim_verdict
from gapbench.analysis.article.claims_audit import audit_claims, audit_frame

CLAIMS = {claim.id: claim for claim in audit_claims()}


def number(claim: str, name: str) -> float:
    return CLAIMS[claim].numbers[name]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1", "contradicts itself"),
        ("2", "contradicts itself"),
        ("2b", "holds in part"),
        ("3", "contradicts itself"),
        ("4", "holds in part"),
        ("5", "contradicts itself"),
        ("6", "impossible"),
        ("7", "contradicts itself"),
        ("7b", "contradicts itself"),
        ("8", "holds in part"),
        ("9", "holds in part"),
        ("10", "holds"),
        ("11", "holds in part"),
        ("12", "holds in part"),
        ("13", "holds"),
    ],
)
def test_the_verdict_of_each_row(row: str, expected: str) -> None:
    """As in the economics notes, but by rule from the numbers."""
    assert expected == CLAIMS[row].verdict


def test_all_thirteen_rows_and_two_sub_rows() -> None:
    """In the order of the audit, each once."""
    assert ["1", "2", "2b", *"3456", "7", "7b", *"89", "10", "11", "12", "13"] == [
        claim.id for claim in audit_claims()
    ]


def test_the_documented_shape() -> None:
    """`bench article --json` holds these keys and text alone."""
    for claim in audit_claims():
        document = claim.to_json()
        assert ["id", "claim", "formula", "result", "verdict", "holds_when"] == list(document)
        assert all(isinstance(value, str) and value for value in document.values())


def test_servers_over_a_billion_tokens() -> None:
    """15,000 / 1,000 and 25,000 / 1,000 are $15 and $25 per million, 50 to 83 times $0.30."""
    assert (15.0, 25.0) == (number("1", "usd_per_mtok_low"), number("1", "usd_per_mtok_high"))
    assert number("1", "factor_low") == pytest.approx(50)
    assert number("1", "factor_high") == pytest.approx(83.33, abs=0.01)


def test_the_volume_at_which_thirty_cents_would_hold() -> None:
    """15,000 / 0.30 = 50,000 M: over 2,629,800 s that is 19.0 k tokens/s, 54 % of 17,672 x 2."""
    assert number("1", "needed_mtok_low") == pytest.approx(50_000)
    assert number("1", "needed_tokens_per_s_low") == pytest.approx(50e9 / 2_629_800)
    assert number("1", "utilisation_70b_low") == pytest.approx(50e9 / 2_629_800 / (2 * 17_672))
    assert number("1", "utilisation_r1_high") == pytest.approx(1.22, abs=0.005)


def test_deepseeks_published_day() -> None:
    """226.75 nodes x 8 x 24 h x $2 = $87,072 for 608 B + 168 B tokens: $0.1122 per million."""
    assert number("1", "fleet_usd_per_day") == pytest.approx(87_072)
    assert number("1", "fleet_usd_per_mtok") == pytest.approx(0.1122, abs=5e-5)


def test_break_even_from_its_own_inputs() -> None:
    """600, 1,000, 1,600 and 2,400 million tokens a month at $25."""
    names = ("mtok_low", "mtok_high", "tco_mtok_low", "tco_mtok_high")

    assert [600, 1000, 1600, 2400] == [number("5", name) for name in names]
    assert (12, 48) == (number("5", "factor_low"), number("5", "tco_factor_high"))


def test_closed_prices_blended() -> None:
    """3:1 of 15/75, 10/30, 7/21 is 30, 15, 10.5: 18.5 on average; really 10, 4.8125, 4.5: 6.4375."""
    assert number("2b", "mean_3to1") == pytest.approx(18.5)
    assert number("2b", "real_3to1") == pytest.approx((10 + 4.8125 + 4.5) / 3)
    assert number("2b", "real_1to1") == pytest.approx((15 + 7.875 + 7) / 3)
    assert number("2b", "input_share") == pytest.approx(0.54, abs=0.005)


def test_a_saving_above_the_whole_bill_is_impossible() -> None:
    """100 M x $25 x 12 = $30,000; all at $75: $90,000; two million are 22 times that."""
    assert (30_000, 90_000) == (number("6", "bill_usd"), number("6", "ceiling_usd"))
    assert number("6", "factor_low") == pytest.approx(2e6 / 90_000)
    assert (number("6", "needed_btok_low"), number("6", "tco_needed_btok_high")) == pytest.approx(
        ((2e6 + 180_000) / 300e3, (4e6 + 720_000) / 300e3)
    )


def test_the_winner_of_its_table_flips() -> None:
    """Its own prices make the API 27 to 114 times cheaper at 50 M; real ones 80 to 267 times."""
    assert (number("7", "api_wins_by_low"), number("7", "api_wins_by_high")) == pytest.approx(
        (40_000 / 1_500, 60_000 / 525)
    )
    assert (number("7", "real_api_wins_by_low"), number("7", "real_api_wins_by_high")) == pytest.approx(
        (80, 60_000 / 225)
    )
    assert (number("7", "factor_low"), number("7", "factor_high")) == pytest.approx((33.3, 142.9), abs=0.05)


def test_ratios_of_its_own_table() -> None:
    """Input 10/0.5 to 15/0.2, output 30/0.5 to 75/0.2; bought from DeepSeek 4.5/0.315 to 10/0.315."""
    names = ("input_low", "input_high", "output_low", "output_high", "deepseek_low", "deepseek_high")

    assert [number("3", name) for name in names] == pytest.approx([20, 75, 60, 375, 4.5 / 0.315, 10 / 0.315])


def test_with_the_hidden_costs_that_it_names() -> None:
    """2 x 15 x 1.2 + 16.7 to 2 x 25 x 1.3 + 33.3 thousand."""
    assert (number("9", "usd_low"), number("9", "usd_high")) == pytest.approx((52_667, 98_333), abs=1)
    assert number("9", "nodes") == 2
    assert number("8", "deepseek-r1-8xh200_usd") == pytest.approx(63_635)


def test_an_owned_node_recomputed() -> None:
    """300,000 x 0.75 / 36 + 10.2 kW x 1.3 x 730.5 h x $0.12, to 350,000 / 36 + 10.2 kW x $200."""
    assert number("10", "owned_usd_low") == pytest.approx(6_250 + 10.2 * 1.3 * 730.5 * 0.12)
    assert number("10", "owned_usd_high") == pytest.approx(350_000 / 36 + 2_040)


def test_the_rule_of_the_verdict() -> None:
    """All, some, none; a bound that nothing moves stands above them."""
    assert "holds" == claim_verdict({"a": True, "b": True})
    assert "holds in part" == claim_verdict({"a": True, "b": False})
    assert "contradicts itself" == claim_verdict({"a": False})
    assert "impossible" == claim_verdict({"a": False}, impossible=True)


def test_the_table_is_the_claims() -> None:
    """One text row for each claim."""
    frame = audit_frame()

    assert [claim.id for claim in audit_claims()] == list(frame["id"])
    assert isinstance(audit_claims()[0], Claim)
