"""The scorer ``choice`` on replies whose reading is known: built ones, and ones written by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.choices.prompt import options_in_prompt
from gapbench.scoring.choices.reading import read_choice
from gapbench.values import Message, Sample, Text
from tests.gapbench.scoring.scorers.choice_replies import LETTERS, OPTIONS, built_replies

WRITTEN = Path(__file__).parent / "replies"


class WrittenReply(NamedTuple):
    """One reply, what a person reads in it ("" for nothing), and its options by letter."""

    text: str
    chosen: str
    options: dict[str, str]


def written_replies(name: str) -> list[WrittenReply]:
    """Return the replies of one file; its first lines define the lists of options."""
    head, *parts = (WRITTEN / name).read_text(encoding="utf-8").split("\n=== ")
    lists = {}
    for line in head.splitlines():
        if line.startswith("# options "):
            key, _, options = line.removeprefix("# options ").partition(": ")
            lists[key] = dict(zip(LETTERS, options.split(" | "), strict=False))
    replies = []
    for part in parts:
        first, _, text = part.partition("\n")
        chosen, key = first.split()
        replies.append(WrittenReply(text, chosen.strip("-"), lists[key]))
    return replies


@pytest.mark.parametrize("are_known", [True, False], ids=["options known", "options unknown"])
def test_every_form_reads_alike_for_every_letter(are_known: bool) -> None:
    """About 10 000 replies from 1 000 forms: the option that was filled in, or none where none was."""
    options = dict(zip(LETTERS, OPTIONS, strict=True)) if are_known else {}
    misread = defaultdict(list)
    for reply in built_replies():
        if not are_known and {"{x}", "{y}", "{z}"} & {
            reply.form[at : at + 3] for at in range(len(reply.form))
        }:
            continue
        found, reason = read_choice(reply.text, options)
        if found != reply.chosen:
            misread[reply.form].append((reply.chosen, found, reason))
    assert misread == {}


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.glob("*.txt")))
def test_written_replies_are_read_as_a_person_reads_them(name: str) -> None:
    """Every reply of the file."""
    misread = [
        (reply.text, reply.chosen, found)
        for reply in written_replies(name)
        if (found := read_choice(reply.text, reply.options)) and (found[0] or "") != reply.chosen
    ]
    assert misread == []


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.glob("*.jsonl")))
def test_replies_of_other_writers_are_read_as_they_judged_them(name: str) -> None:
    """Every reply of the file; a letter that the question does not have is not a reading."""
    misread = []
    for line in (WRITTEN / name).read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        found, _ = read_choice(case["reply"], case["options"] or {})
        if (found if found and found in case["labels"] else None) != case["reading"]:
            misread.append((case["reply"], case["reading"], found))
    assert misread == []


@pytest.mark.parametrize(
    "form", ["{X}) {x}", "({X}) {x}", "{X}. {x}", "{X}: {x}", "**{X}.** {x}", "- {X}) {x}", "  {X}) {x}"]
)
@pytest.mark.parametrize("count", [2, 4, 10])
def test_options_are_read_from_the_prompt(form: str, count: int) -> None:
    """The lines of the last list, in each form, give each option's text."""
    lines = [form.format(X=LETTERS[at], x=OPTIONS[at]) for at in range(count)]
    prompt = "A. Pick one.\n\nWhich metal?\n" + "\n".join(lines) + "\n\nAnswer with a letter."
    assert options_in_prompt(prompt) == dict(zip(LETTERS[:count], OPTIONS[:count], strict=True))


def test_the_last_list_of_a_prompt_with_examples_counts() -> None:
    """A list of an example before the question is ignored."""
    prompt = "Which city?\nA) Paris\nB) Rome\nAnswer: A\n\nWhich metal?\nA) tin\nB) zinc\nC) lead\nAnswer:"
    assert options_in_prompt(prompt) == {"A": "tin", "B": "zinc", "C": "lead"}


@pytest.mark.parametrize(
    "prompt",
    [
        "Which metal melts first?",
        "A) tin",
        "A) tin B) zinc C) lead",
        "B) tin\nC) zinc",
        "A) tin\nC) zinc",
        "A) tin\nB. zinc",
        "A) tin\nB) tin",
        "A) tin, which\nis soft\nB) zinc\nC) lead",
        "A) tin\nB) zinc\n\nNow answer:\nA) Which is softer?",
    ],
)
def test_a_prompt_without_a_clear_list_gives_no_options(prompt: str) -> None:
    """No list, one option, a missing or repeated letter, mixed marks, equal texts, or a text of two lines."""
    assert options_in_prompt(prompt) == {}


def _asked(target: str, *turns: tuple[str, str]) -> Sample:
    messages = tuple(Message(role, (Text(text),)) for role, text in turns)  # type: ignore[arg-type]
    return Sample("s", messages, target=target)


def test_a_text_from_the_prompt_is_an_answer() -> None:
    """The last message of the user lists the options; the reply names one by its text."""
    sample = _asked(
        "B", ("user", "City?\nA) tin\nB) zinc"), ("assistant", "A"), ("user", "Metal?\nA) lead\nB) tin")
    )
    assert make_scorer("choice", {})("It is made of tin.", sample).outcome == "correct"


def test_a_list_that_lacks_the_target_is_ignored() -> None:
    """The target E is none of the prompt's A and B, so the list is something else and letters count."""
    sample = _asked("E", ("user", "Say which holds.\nA) lead\nB) tin"))
    assert make_scorer("choice", {})("Answer: E", sample).outcome == "correct"


@pytest.mark.parametrize(
    "labels",
    [{"label": ["1", "2", "3"], "text": ["red", "green", "blue"]}, {"1": "red", "2": "green", "3": "blue"}],
)
@pytest.mark.parametrize(
    "reply",
    [
        "2",
        "(2)",
        "Answer: 2",
        "The answer is 2.",
        "**2. green**",
        "2) green",
        "It must be 2.",
        "1 is wrong, so the answer is 2.",
        "\\boxed{2}",
        "green",
    ],
)
def test_numbers_as_labels(labels: dict[str, object], reply: str) -> None:
    """ARC's labels and a mapping from digits; the target is a label, as text or as a number."""
    for target in ("2", 2):
        sample = Sample("s", (), target=target, columns={"options": labels})
        assert make_scorer("choice", {})(reply, sample).outcome == "correct"


@pytest.mark.parametrize(
    ("reply", "options", "chosen"),
    [
        ("B. False, False", {}, "B"),
        ("C. both A and B", {}, "C"),
        ("D. E and F are both right.", {}, "D"),
        ("D. I and III only", {}, "D"),
        ("The true statements are **I and III only**.", {}, None),
        ("A. because dead people no longer exist", {}, "A"),
        ("C. not prevail, because the carpenter did not sell it.", {}, "C"),
        (r"The \(^{13}\text{C}\) nucleus has spin \(I = \frac{1}{2}\).", {}, None),
        ("No", {"A": "Yes", "B": "No"}, "B"),
        ("Answer: No", {"A": "Yes", "B": "No"}, "B"),
        ("A) True\nB) False", {}, None),
        ("It cannot be determined from this.", {"A": "rises", "B": "cannot be determined"}, "B"),
        ("Answer: A blue bike", {"A": "a red car", "B": "a blue bike"}, "B"),
        ("B", {"A": "C", "B": "D"}, "B"),
        ("E", {"A": "red", "B": "blue"}, None),
    ],
)  # fmt: skip
def test_options_whose_text_looks_like_something_else(
    reply: str, options: dict[str, str], chosen: str | None
) -> None:
    """Letters, "false" and "not" in an option's text are no statement about another option."""
    assert read_choice(reply, options)[0] == chosen
