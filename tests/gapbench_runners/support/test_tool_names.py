"""Names of tools as each vendor takes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.errors import RunnerError
from gapbench_runners.support.tool_names import (
    ANTHROPIC_NAMES,
    GOOGLE_NAMES,
    OPENAI_NAMES,
    NameRule,
    ToolNames,
)

PATTERNS = {
    "OpenAI": r"[A-Za-z0-9_-]{1,64}",
    "Anthropic": r"[A-Za-z0-9_-]{1,64}",
    "Google": r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}",
}


@pytest.mark.parametrize("rule", [OPENAI_NAMES, ANTHROPIC_NAMES, GOOGLE_NAMES])
@given(name=st.text(max_size=200))
def test_any_name_becomes_one_that_the_vendor_takes(rule: NameRule, name: str) -> None:
    """A valid one stays."""
    made = rule.make_valid(name)

    assert re.fullmatch(PATTERNS[rule.vendor], made)
    assert made == rule.make_valid(made)
    if re.fullmatch(PATTERNS[rule.vendor], name):
        assert name == made


def test_the_name_of_an_undeclared_tool_may_fall_together_with_another() -> None:
    """A recorded conversation, or a model, may call what nobody declared; that is no reason to refuse the prompt."""
    names = ToolNames(["search.web"], OPENAI_NAMES)

    assert ("search_web", "search_web") == (names.sent_name("search.web"), names.sent_name("search web"))
    assert {"search_web": "search.web"} == names.renamed


def test_a_name_that_is_too_long_is_cut() -> None:
    """And the line says how many characters are allowed."""
    names = ToolNames(["a" * 70], OPENAI_NAMES)

    assert (f"tool {'a' * 70} renamed {'a' * 64}: OpenAI allows 64 characters",) == names.changes


def test_two_tools_with_one_name_are_refused() -> None:
    """A reply could not say which it calls."""
    with pytest.raises(RunnerError, match=r"'a\.b' and 'a b' would both be sent as 'a_b'"):
        ToolNames(["a.b", "a b"], OPENAI_NAMES)
    assert "a.b" == ToolNames(["a.b", "a_b"], GOOGLE_NAMES).sent_name("a.b")
