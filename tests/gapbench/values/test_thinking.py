"""Thinking in the text is separated from the answer, whatever marks the model uses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.values.thinking import thinking_rules, thinking_rules_for

# A begin mark and an end mark of each family, and the name of its rule. Written by hand, not read from the rules.
MARKS = {
    "think": ("<think>", "</think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "thought": ("<thought>", "</thought>"),
    "seed-think": ("<seed:think>", "</seed:think>"),
    "longcat-think": ("<longcat_think>", "</longcat_think>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "kimi-vl": ("◁think▷", "◁/think▷"),
    "command-a": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "open-thoughts": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "apertus": ("<|inner_prefix|>", "<|inner_suffix|>"),
    "solar-open": ("<|think|>", "<|end|><|begin|>assistant<|content|>"),
    "gemma-4": ("<|channel>thought\n", "<channel|>"),
    "medgemma": ("<unused94>thought\n", "<unused95>"),
    "openpangu": ("[unused16]", "[unused17]"),
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    "granite-words": ("Here is my thought process:", "Here is my response:"),
}
WITHOUT_LONE = {"granite-words"}
BLANKS = st.sampled_from(["", " ", "\n", "\n\n", " \r\n", "\t"])
# No marks, no code: what a person would call plain sentences.
WORDS = (
    st.lists(
        st.sampled_from(
            ["so", "A is 3 < 4", "Answer: C", "größer", "不", "x > y", "[1, 2]", "no.\n", "🙂", "I'm"]
        ),
        min_size=1,
        max_size=6,
    )
    .map(" ".join)
    .map(str.strip)
)


def parts(text: str, *, model: str = "m", is_cut: bool = False) -> tuple[str, str, str | None, bool]:
    split = thinking_rules_for(model).split(text, is_cut=is_cut)
    return (
        ("", text, None, False)
        if split is None
        else (split.reasoning, split.answer, split.rule, split.is_cut)
    )


@given(st.sampled_from(list(MARKS)), BLANKS, BLANKS, BLANKS, WORDS, WORDS, st.booleans())
def test_a_block_at_the_start_is_thinking(
    name: str, before: str, inside: str, after: str, thought: str, answer: str, upper: bool
) -> None:
    """The oracle knows both parts, because it put the marks around them."""
    opening, closing = (mark.upper() if upper else mark for mark in MARKS[name])

    found = parts(f"{before}{opening}{inside}{thought}{inside}{closing}{after}{answer}")

    assert (thought, answer, name, False) == found


@given(st.sampled_from(sorted(MARKS.keys() - WITHOUT_LONE)), BLANKS, WORDS, WORDS)
def test_a_lone_end_mark_ends_thinking(name: str, after: str, thought: str, answer: str) -> None:
    """Templates of DeepSeek R1 and Qwen3 give the begin mark, so that the reply has only the end mark."""
    assert (thought, answer, name, False) == parts(f"{thought}\n{MARKS[name][1]}{after}{answer}")


@given(st.sampled_from(list(MARKS)), BLANKS, WORDS)
def test_a_text_that_ends_inside_its_thinking_has_no_answer(name: str, before: str, thought: str) -> None:
    """Nothing of it is an answer, and the text is known to be cut."""
    reasoning, answer, _, is_cut = parts(f"{before}{MARKS[name][0]}{thought}", is_cut=True)

    assert (thought, "", True) == (reasoning, answer, is_cut)


@given(
    st.sampled_from(sorted(MARKS.keys() - {"harmony", "granite-words"})),
    WORDS,
    WORDS,
    WORDS,
    st.integers(1, 3),
)
def test_nested_blocks_end_with_the_outer_one(
    name: str, outer: str, inner: str, answer: str, depth: int
) -> None:
    """An end mark closes the latest begin mark."""
    opening, closing = MARKS[name]
    thought = f"{outer} {opening * depth}{inner}{closing * depth} {outer}"

    reasoning, found, _, _ = parts(f"{opening}{thought}{closing}{answer}")

    assert (thought, answer) == (reasoning, found)


@given(st.sampled_from(sorted(MARKS.keys() - {"harmony", "granite-words"})), WORDS, WORDS, WORDS, BLANKS)
def test_several_blocks_are_all_thinking(
    name: str, first: str, second: str, answer: str, between: str
) -> None:
    """Blocks that follow each other, and a later one that begins a line."""
    opening, closing = MARKS[name]
    block, other = f"{opening}{first}{closing}", f"{opening}{second}{closing}"

    assert (f"{first}\n\n{second}", answer) == parts(f"{block}{between}{other}{answer}")[:2]
    assert (f"{first}\n\n{second}", f"{answer}\n\nend") == parts(f"{block}{answer}\n{other}\nend")[:2]


@given(WORDS, st.sampled_from(list(MARKS)), WORDS)
def test_an_answer_that_mentions_marks_is_left_alone(before: str, name: str, after: str) -> None:
    """In code and between quotes a mark is text."""
    opening, closing = (mark.strip() for mark in MARKS[name])
    for text in (
        f"{before} `{opening}` and `{closing}` {after}",
        f"{before} `{opening}x{closing}` {after}",
        f'{before} the tag "{closing}" {after}',
        f"{before}\n```xml\n{opening}{after}\n{closing}\n```\n{after}",
    ):
        assert ("", text, None, False) == parts(text)


@given(WORDS, WORDS)
def test_code_after_the_thinking_keeps_its_marks(thought: str, answer: str) -> None:
    """Only what is before the answer is thinking."""
    code = f"{answer}\n```html\n<think>x</think>\n```\nand `</think>`"

    assert (thought, code) == parts(f"<think>{thought}</think>\n\n{code}")[:2]


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>They ask about the <think> tag</think>B", "They ask about the <think> tag", "B"),
        ("<think>`</think>` ends it</think>B", "`</think>` ends it", "B"),
        ("<think>a</thinking>B", "a", "B"),
        ("<think>\n\n</think>\n\nB", "", "B"),
        ("<think>a</think>", "a", ""),
        ("a</think>b</think>c", "a", "b</think>c"),
        ("a</think><think>b</think>c", "a\n\nb", "c"),
        ("a <think> b", "", "a <think> b"),
        ("Sure. <think>b</think> c", "", "Sure. <think>b</think> c"),
        ("<p>1</p>", "", "<p>1</p>"),
        ("[1, 2]", "", "[1, 2]"),
        ("B<|end|>", "", "B<|end|>"),
        ("Here is my thought process: a", "", "Here is my thought process: a"),
        ("Here's my thought process: a Here's my response: B", "a", "B"),
        ("<|channel|>final<|message|>B<|return|>", "", "B"),
        (
            "<|start|>assistant<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>B",
            "a",
            "B",
        ),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>B<|END_RESPONSE|>", "a", "B"),
        (
            "<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>\nB\n<|end_of_solution|>",
            "a",
            "B\n",
        ),
        ("\ufeff<think>a</think>B", "a", "B"),
    ],
)
def test_forms(text: str, reasoning: str, answer: str) -> None:
    """Forms that models have sent, and texts that only look like them."""
    assert (reasoning, answer) == parts(text)[:2]


@pytest.mark.parametrize(
    ("model", "text", "expected"),
    [
        ("openai/gpt-oss-20b", "analysisWe add.assistantfinalB", ("We add.", "B")),
        ("m", "analysisWe add.assistantfinalB", ("", "analysisWe add.assistantfinalB")),
        ("openai/gpt-oss-20b", "analysis of variance", ("", "analysis of variance")),
        ("ibm-granite/granite-3.2-8b", "Here is my thought process: a", ("a", "")),
    ],
)
def test_marks_of_one_family(model: str, text: str, expected: tuple[str, str]) -> None:
    """Words that any model could write count for their family only."""
    assert expected == parts(text, model=model)[:2]


def test_a_cut_reply_of_a_prefilled_model_is_thinking() -> None:
    """Its template gave the begin mark and the end mark never came; with a reasoning channel the text is the answer."""
    rules = thinking_rules_for("deepseek-ai/DeepSeek-R1")
    cut = rules.split("First, I", is_cut=True)

    assert cut is not None
    assert ("First, I", "", True) == (cut.reasoning, cut.answer, cut.is_cut)
    assert rules.split("First, I", is_cut=True, has_reasoning=True) is None
    assert rules.split("B") is None


def test_rules_can_be_chosen() -> None:
    """``off`` separates nothing; a name selects that rule alone."""
    text = "<think>a</think>B"

    assert thinking_rules_for("m", ("off",)).split(text) is None
    assert thinking_rules_for("m", ("magistral",)).split(text) is None
    assert thinking_rules_for("m", ("think",)).split(text) is not None
    with pytest.raises(ValueError, match="no rule 'thnk'; write auto, off, or names out of: think, "):
        thinking_rules_for("m", ("thnk",))


def test_every_rule_is_tested_and_documented() -> None:
    """The tests above know every family, and the page on measurement names it."""
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "measurement.md").read_text(encoding="utf-8")

    assert thinking_rules().keys() == MARKS.keys() | {"granite", "harmony-words"}
    assert [] == [name for name in thinking_rules() if f"`{name}`" not in page]


@pytest.mark.parametrize("piece", ["<think>", "\n<think>", "</think>", "`<think>` ", "[THINK]\n"])
def test_a_text_of_marks_takes_linear_time(piece: str) -> None:
    """A model in a loop repeats its marks; the positions are read once each."""
    split = thinking_rules_for("m").split("<think>" + piece * 20_000, is_cut=True)

    assert split is not None
