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
    find_column,
    placeholder,
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
        ("{n:>10}", "no column 'n:>10'; "),
        ("{question!r}", "no column 'question!r'; "),
        ("{n.__class__}", "no column 'n.__class__'"),
        ("{0}", "no column '0'; "),
        ("{}", "stray '{'"),
        ("{ }", "stray '{' in '{ }'; write {{ for a brace"),
        ('{"answer": 1}', "if the braces belong to the text, write {{ and }}"),
        ("{Question}", "none, list; did you mean 'question'?"),
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


NAMES = [
    "Question Text", "質問", "вопрос", "السؤال", "प्रश्न", "คำถาม", "câu hỏi", "שאלה", "问题 1", "a.b-c", "a: b", "50 %", "it's",
    'say "hi"', "what?", "$x", "a/b\\c", "Frage (deutsch)", "[x]", "0", "__class__", "👍 votes", "n:>10", "x!r", "#1", "- a", "a, b",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_any_script_is_named_as_it_is(name: str) -> None:
    """Blanks, dots, colons, quotes; no part of the name is run."""
    row = {"other": "no", name: "yes"}

    assert "<yes>" == fill_template(f"<{{{name}}}>", row)
    assert "yes" == template_value(f"{{{name}}}", row) == column_or_template_value(name, row)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{ Question Text }", "Question Text"),
        ("{Question  Text}", "Question Text"),
        ("{Question Text}", " Question Text "),
        ("{Question Text}", "Question\u00a0Text"),
        ("{id}", "\ufeffid"),
        ("{r\u00e9ponse}", "re\u0301ponse"),
        ("{re\u0301ponse}", "r\u00e9ponse"),
    ],
)
def test_blanks_and_composed_accents_do_not_count(template: str, name: str) -> None:
    """As spreadsheets and keyboards write them; a byte order mark inside a file neither."""
    assert "yes" == fill_template(template, {"other": "no", name: "yes"})


def test_the_exact_name_wins_and_two_alike_are_refused() -> None:
    """Two columns that differ by a blank in front; one more blank could mean either."""
    row = {"a": 1, " a": 2}

    assert (1, 2) == (template_value("{a}", row), template_value("{ a}", row))
    with pytest.raises(TemplateError, match=r"'a' and ' a' differ only in blanks: name one exactly"):
        fill_template("{a }", row)


@pytest.mark.parametrize(
    "name", ["a}b", "{", "}}", '"x"', '"', "two\nlines", "tab\there", " edge ", "", "\\", "a\u2028b"]
)
def test_a_name_with_braces_is_a_json_string(name: str) -> None:
    """In double quotes, as `bench init` writes it."""
    template = placeholder(name)

    assert template.isprintable()
    assert ["yes", "[yes]"] == [fill_template(text, {name: "yes"}) for text in (template, f"[{template}]")]
    assert [name] == columns_named(template)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.text(max_size=5))
def test_every_name_has_a_template(name: str, value: str) -> None:
    """Whatever its characters, beside columns that resemble it."""
    row = {name: value, f"{name}2": "no"}

    assert value == fill_template(placeholder(name), row)
    assert name == find_column(name, row)


def test_bytes_are_no_text() -> None:
    """Neither alone nor in a list; the message tells where they belong."""
    for value in (b"\x89PNG", [b"\x89PNG"], {"bytes": b"\x89PNG"}):
        with pytest.raises(
            TemplateError, match="column 'p' holds 4 bytes of binary data; name it under `images`"
        ):
            fill_template("{p}", {"p": value})


def test_a_wide_table_is_listed_in_part() -> None:
    """The first 40 columns, and how many more there are."""
    with pytest.raises(TemplateError, match=r"c38, c39 and 60 more; did you mean 'c77'\?") as caught:
        fill_template("{c77x}", {f"c{n}": n for n in range(100)})
    assert len(str(caught.value)) < 300


@given(st.text(), st.text())
def test_any_text_is_filled_or_refused(template: str, value: str) -> None:
    """Never another exception."""
    try:
        assert isinstance(fill_template(template, {"a": value}), str)
    except TemplateError:
        assert {"{", "}"} & set(template)
