"""The volume of a month: a number of tokens, or of requests of the size that the scenario has."""

from __future__ import annotations

import re

from gapbench.analysis.economics.quantity import parse_token_count
from gapbench.analysis.economics.scenario import Scenario
from gapbench.analysis.economics.sizing import MTOK
from gapbench.errors import InputError

_UNIT = re.compile(r"(?P<count>.*?)[\s-]*(?P<unit>tokens?|requests?|tasks?)\s*", re.IGNORECASE)


def volume_mtok(given: str | float, scenario: Scenario) -> float:
    """Return million tokens a month of a volume such as ``80M``, ``80M-tokens`` or ``200k-requests``.

    A request has the scenario's input and output tokens. With a run these are those of one answered task, retries included.

    Raises:
        InputError: It is no count above zero.
    """
    match = _UNIT.fullmatch(given) if isinstance(given, str) else None
    try:
        count = parse_token_count(match["count"] if match else given)
    except InputError:
        raise InputError(
            f"found volume {str(given)!r}; write tokens such as 80M, or requests such as 200k-requests"
        ) from None
    if match is None or match["unit"].lower().startswith("token"):
        return count / MTOK
    return count * tokens_per_request(scenario) / MTOK


def tokens_per_request(scenario: Scenario) -> float:
    """Return the input and output tokens of one request."""
    point = scenario.point_values
    return float(point["input_tokens"] + point["output_tokens"])
