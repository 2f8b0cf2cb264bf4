"""Templates: plain substitution of columns, and nothing that runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.suite.tasks.template import (
    TemplateError,
    column_or_template_value,
    columns_named,
    fill_template,
    template_value,
)

ROW: dict[str, Any] = {"question": "1 + 1?", "n": 2, "a.b-c": "dotted", "none": None, "list": ["x", "é"]}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{question}", "1 + 1?"),
        ("Q: {question} ({n})", "Q: 1 + 1? (2)"),
        ("{a.b-c}", "dotted"),
        ("[{none}]", "[]"),
        ("{list}", '["x", "é"]'),
        ("{{question}}", "{question}"),
        ("{{{n}}}", "{2}"),
        ("no column", "no column"),
    ],
)
def test_columns_are_put_in(template: str, text: str) -> None:
    """As text; doubled braces are braces, nothing is "", a list is its JSON."""
    assert text == fill_template(template, ROW)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{qestion}", "no column 'qestion'; the columns are: question, n, a.b-c, none, list"),
        ("{question", "stray '{' in '{question'; write {{ for a brace, {column} for a column"),
        ("a } b", "stray '}' in 'a } b'; write }} for a brace"),
        ("{n:>10}", "stray '{'"),
        ("{question!r}", "stray '{'"),
        ("{n.__class__}", "no column 'n.__class__'"),
        ("{0}", "stray '{'"),
        ("{}", "stray '{'"),
    ],
)
def test_no_format_no_attribute_no_position(template: str, said: str) -> None:
    """What str.format would run is a fault."""
    with pytest.raises(TemplateError) as caught:
        fill_template(template, ROW)
    assert said in str(caught.value)


def test_a_value_is_no_template() -> None:
    """Braces in the data stay as they are."""
    assert "{n}" == fill_template("{text}", {"text": "{n}", "n": 1})


def test_a_bare_column_keeps_its_type() -> None:
    """A target of 2 is a number; within a text it is a text."""
    assert (2, "2 apples") == (template_value("{n}", ROW), template_value("{n} apples", ROW))


def test_a_target_may_be_a_columns_name() -> None:
    """With or without braces."""
    assert (2, 2, "=2") == tuple(column_or_template_value(name, ROW) for name in ("n", "{n}", "={n}"))


def test_a_target_without_any_column_is_a_misspelt_name() -> None:
    """Or it would be the same for every row, and every answer wrong."""
    with pytest.raises(TemplateError, match="no column 'anwser'"):
        column_or_template_value("anwser", {"answer": 1})


def test_columns_are_listed() -> None:
    """In order, braces left out."""
    assert ["a", "b"] == columns_named("{a} {{c}} {b}")


@given(st.text(), st.text())
def test_any_text_is_filled_or_refused(template: str, value: str) -> None:
    """Never another exception."""
    try:
        assert isinstance(fill_template(template, {"a": value}), str)
    except TemplateError:
        assert {"{", "}"} & set(template)
