"""Which rule a Claude model gets: its generation decides how it thinks and whether it takes a temperature."""

from __future__ import annotations

import pytest

from gapbench_runners.support.model_rules import rule_for


@pytest.mark.parametrize(
    ("model", "reasoning", "takes_temperature"),
    [
        ("claude-3-5-haiku-20241022", "none", True),
        ("claude-3-7-sonnet-20250219", "budget", True),
        ("claude-sonnet-4-20250514", "budget", True),
        ("claude-opus-4-1-20250805", "budget", True),
        ("claude-sonnet-4-5", "budget", True),
        ("claude-haiku-4-5-20251001", "budget", True),
        ("claude-opus-4-6", "adaptive", True),
        ("claude-sonnet-5", "adaptive", False),
        ("claude-opus-5-1", "adaptive", False),
    ],
)
def test_the_generation_decides(model: str, reasoning: str, takes_temperature: bool) -> None:
    """The 5 of 4.5 is a minor version, not a generation."""
    rule = rule_for("anthropic", model, is_official_endpoint=True)

    assert (reasoning, takes_temperature) == (rule.reasoning, "temperature" not in rule.drop)
