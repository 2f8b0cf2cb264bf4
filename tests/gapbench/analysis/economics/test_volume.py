"""A month's volume in tokens or in requests (finding 5)."""

from __future__ import annotations

from datetime import date

import pytest

from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.volume import volume_mtok
from gapbench.errors import InputError
from gapbench.suite.tco_fields import TcoDocument

SCENARIO = build_scenario(TcoDocument(input_tokens=900, output_tokens=100), at=date(2026, 11, 24))


@pytest.mark.parametrize(
    ("given", "mtok"),
    [
        ("80M", 80.0),
        ("80M-tokens", 80.0),
        (2_000_000, 2.0),
        ("200k-requests", 200.0),
        ("200k requests", 200.0),
        ("1-request", 0.001),
        ("0.5M-tasks", 500.0),
    ],
)
def test_requests_have_the_scenarios_tokens(given: str | float, mtok: float) -> None:
    """200,000 requests of 1,000 tokens are 200 million tokens."""
    assert volume_mtok(given, SCENARIO) == pytest.approx(mtok)


@pytest.mark.parametrize(
    "given", ["lots", "0-requests", "-requests", "80M-tickets", "", "nan-requests", "-1k-requests"]
)
def test_no_volume_is_an_error_that_shows_both_forms(given: str) -> None:
    """The message has an example of each."""
    with pytest.raises(InputError, match="write tokens such as 80M, or requests such as 200k-requests"):
        volume_mtok(given, SCENARIO)
