"""The reasoning tasks: as many and as mixed as promised, the same bytes again, and answers that hold."""

from __future__ import annotations

import json
import re

import pytest

from gapbench.suite.tasks.loader import builtin_tasks
from tests.tasks.written import ROOT, script, task

NAMES = [name for name in builtin_tasks() if name.startswith("reasoning/")]
WRITTEN = [name for name in NAMES if (ROOT / name / "make_samples.py").exists()]
LONG = {
    "reasoning/long-1k": 1000,
    "reasoning/long-8k": 8000,
    "reasoning/long-32k": 32000,
    "reasoning/long-128k": 128_000,
}


def test_there_are_300_items_over_all_fields() -> None:
    """Arithmetic, algebra, dates, logic, graphs and tables, state, long context, instructions."""
    fields = {"arithmetic", "algebra", "schedules", "logic", "graphs", "state", "instructions"} | {
        name.partition("/")[2] for name in LONG
    }

    assert fields == {name.partition("/")[2] for name in NAMES}
    assert sum(len(task(name).samples) for name in NAMES) >= 300


@pytest.mark.parametrize("name", NAMES)
def test_no_prompt_comes_twice(name: str) -> None:
    """Each sample asks something of its own."""
    samples = task(name).samples

    assert len(samples) == len({sample.messages for sample in samples})


@pytest.mark.parametrize("name", WRITTEN)
def test_script_gives_the_committed_bytes(name: str) -> None:
    """Running the script again gives samples.jsonl to the byte."""
    assert script(name)["render"]() == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


def test_each_logic_grid_has_one_solution() -> None:
    """Found by reading the clues back from their text, apart from the script that wrote them."""
    from itertools import permutations, product

    attributes = script("reasoning/logic")["ATTRIBUTES"]
    phrases = {phrase.format(value): (noun, value) for phrase, noun, values in attributes for value in values}
    for line in (ROOT / "reasoning/logic/samples.jsonl").read_text().splitlines():
        row = json.loads(line)
        head, *told, asked = row["question"].split("\n")
        people = re.split(", | and ", head.partition(" differ in ")[0])
        clues = [text.partition(". ")[2].rstrip(".") for text in told]
        nouns = {
            noun: list(values)[: len(people)]
            for _, noun, values in attributes
            if f"the {noun}s are" in head or (noun.startswith("colour") and "colours" in head)
        }
        left = []
        for grid in product(*(permutations(range(len(people))) for _ in nouns)):
            has = {
                (noun, values[grid[a][who]]): people[who]
                for a, (noun, values) in enumerate(nouns.items())
                for who in range(len(people))
            }
            if all(agrees(clue, has, phrases) for clue in clues):
                left.append(has)
        assert 1 == len(left), row["id"]
        assert row["answer"] == left[0][phrases[asked.removeprefix("Who ").rstrip("?")]], row["id"]


def agrees(clue: str, has: dict[tuple[str, str], str], phrases: dict[str, tuple[str, str]]) -> bool:
    """Say whether a grid (who has what) agrees with one sentence."""
    if match := re.fullmatch(r"Either (\w+) or (\w+) (.+)", clue):
        return has[phrases[match[3]]] in {match[1], match[2]}
    if match := re.fullmatch(r"The one who (.+) also (.+)", clue):
        return has[phrases[match[1]]] == has[phrases[match[2]]]
    if match := re.fullmatch(r"The one who (.+) is not the one who (.+)", clue):
        return has[phrases[match[1]]] != has[phrases[match[2]]]
    match = re.fullmatch(r"(\w+) is not the one who (.+)", clue)
    assert match, clue
    return has[phrases[match[2]]] != match[1]


@pytest.mark.parametrize(("name", "tokens"), LONG.items())
def test_long_prompts_have_their_length_and_hold_their_answers(name: str, tokens: int) -> None:
    """Between 85 and 100 % of the tokens at four characters each; a fact that gives the answer is in the text."""
    for sample in task(name).samples:
        text = sample.messages[-1].text
        assert 0.85 * tokens <= len(text) / 4 <= 1.0 * tokens
        if sample.tags[1] == "total":
            where = re.search(r"to the (\w+) depot together", text)
            assert where
            counts = re.findall(rf"A delivery brought (\d+) bolts to the {where[1]} depot\.", text)
            assert sample.target == sum(map(int, counts))
        else:
            assert 1 == text.count(f" {sample.target}")


@pytest.mark.parametrize("name", LONG)
def test_the_latest_code_is_the_last_named(name: str) -> None:
    """By a search through the log."""
    for sample in task(name).samples:
        if sample.tags[1] == "latest":
            text = sample.messages[-1].text
            where = re.search(r"the door code of the (\w+) depot at the end", text)
            assert where
            assert str(sample.target) == re.findall(rf"code of the {where[1]} depot is (\d+)", text)[-1]
