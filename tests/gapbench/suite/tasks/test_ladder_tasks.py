"""Ladders in suites: which rungs, how many items, fresh seeds, adaptive runs, and what is refused with its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import DocumentError
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.task import Task
from gapbench.values import AdaptiveItems

LADDER = """\
from gapbench.ladder import Item, Ladder, Rung

def draw(r, rung):
    number = r.randrange(10 ** rung.settings["digits"])
    return Item(f"What comes after {number}?", number + 1, number + 2)

LADDER = Ladder("mine", "digits", [Rung(n, {"digits": n}) for n in range(2, 7)], draw)
"""
OWN = {
    "name": "after",
    "category": "reasoning",
    "ladder": "after.py",
    "id": "{id}",
    "prompt": "{question}",
    "target": "{answer}",
    "scorer": "numeric",
}


def load(folder: Path, entry: Any, **options: Any) -> Task:
    """Return the only task of a suite with one entry."""
    (folder / "after.py").write_text(LADDER)
    suite = {"name": "mine", "models": [{"id": "m", "runner": "sim", "weights": "open"}], "tasks": [entry]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return load_suite(folder / "suite.yaml").load_tasks(**options)[0]


def error(folder: Path, entry: Any, **options: Any) -> str:
    """Return what is said of an entry that is refused."""
    with pytest.raises(DocumentError) as caught:
        load(folder, entry, **options)
    return str(caught.value).partition("suite.yaml:")[2]


def rungs_of(task: Task) -> list[int | None]:
    """Return the rung of each sample."""
    return [sample.rung for sample in task.samples]


@pytest.mark.parametrize(
    ("rungs", "expected"),
    [(3, {3}), ([2, 4], {2, 4}), ("3-5", {3, 4, 5}), ("1,3-4", {1, 3, 4}), ("2, 4", {2, 4})],
)
def test_rungs_select_from_the_items_of_a_built_in_task(
    tmp_path: Path, rungs: Any, expected: set[int]
) -> None:
    """The committed file has 8 items of each rung."""
    task = load(tmp_path, {"task": "reasoning/arithmetic", "rungs": rungs})

    assert expected == set(rungs_of(task))
    assert 8 * len(expected) == len(task.samples)


def test_a_seed_draws_fresh_items(tmp_path: Path) -> None:
    """Three of each of 15 rungs, none of which is in the file."""
    kept = {sample.messages for sample in load(tmp_path, "reasoning/arithmetic").samples}
    fresh = load(tmp_path, {"task": "reasoning/arithmetic", "seed": 2027, "per_rung": 3})

    assert len(fresh.samples) == 45
    assert kept.isdisjoint(sample.messages for sample in fresh.samples)


def test_more_items_than_are_kept_are_drawn(tmp_path: Path) -> None:
    """The first 8 of 20 are those of the file."""
    kept = load(tmp_path, {"task": "reasoning/arithmetic", "rungs": 9}).samples
    more = load(tmp_path, {"task": "reasoning/arithmetic", "rungs": 9, "per_rung": 20}).samples

    assert len(more) == 20
    assert [sample.messages for sample in kept] == [sample.messages for sample in more[:8]]


def test_a_limit_is_spread_over_the_rungs_that_are_asked(tmp_path: Path) -> None:
    """Six items of rungs 3 to 5: two each."""
    task = load(tmp_path, {"task": "reasoning/arithmetic", "rungs": "3-5", "limit": 6})

    assert Counter({3: 2, 4: 2, 5: 2}) == Counter(rungs_of(task))


def test_a_ladder_of_the_users_own_needs_leave_to_run(tmp_path: Path) -> None:
    """With --allow-code it draws 8 items of each of its five rungs."""
    assert "--allow-code" in error(tmp_path, OWN)
    task = load(tmp_path, OWN, allow_code=True)

    assert (task.rungs, task.rung_measure) == (5, "digits")
    assert 40 == len(task.samples)
    assert {2.0, 3.0, 4.0, 5.0, 6.0} == {sample.complexity for sample in task.samples}


def test_data_with_a_column_of_rungs_is_a_ladder(tmp_path: Path) -> None:
    """Tickets with a level of the team's own; the highest is the number of rungs."""
    rows = [{"q": f"ticket {level}", "level": level, "a": "x"} for level in (1, 2, 2, 7)]
    (tmp_path / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = load(
        tmp_path,
        {"name": "tickets", "category": "own", "data": "tickets.jsonl", "rung": "{level}", "prompt": "{q}",
         "target": "{a}", "scorer": "exact", "rungs": "2-7"},
    )  # fmt: skip

    assert [2, 2, 7] == rungs_of(task)
    assert task.rungs == 7


def test_adaptive_draws_a_pool_and_the_limit_bounds_what_is_asked(tmp_path: Path) -> None:
    """40 items of each of five rungs; --limit 30 leaves the pool and lowers the number of questions."""
    entry = {**OWN, "adaptive": {"width": 2, "items": 50}}

    assert AdaptiveItems(2.0, 50) == load(tmp_path, entry, allow_code=True).adaptive
    limited = load(tmp_path, entry, allow_code=True, limit=30)
    assert AdaptiveItems(2.0, 30) == limited.adaptive
    assert 200 == len(limited.samples)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"task": "reasoning/arithmetic", "rungs": 16}, "tasks[0].rungs: found rung 16; the ladder of 'reasoning/arithmetic' has rungs 1 to 15"),
        ({"task": "reasoning/arithmetic", "rungs": "x"}, "tasks[0].rungs: found 'x'; expected numbers of rungs from 1, such as 3-9 or [2, 4, 6]"),
        ({"task": "reasoning/arithmetic", "rungs": "3-1"}, "tasks[0].rungs: found '3-1'; expected numbers of rungs from 1"),
        ({"task": "reasoning/arithmetic", "rungs": "0-3"}, "tasks[0].rungs: found '0-3'; expected numbers of rungs from 1"),
        ({"task": "reasoning/arithmetic", "rungs": "1-99999999999"}, "tasks[0].rungs: found '1-99999999999'; expected numbers"),
        ({"task": "reasoning/arithmetic", "rungs": []}, "tasks[0].rungs: found '[]'; expected numbers of rungs from 1"),
        ({"task": "reasoning/arithmetic", "rungs": 0}, "tasks[0].rungs: found '0'; expected numbers of rungs from 1"),
        ({"task": "reasoning/arithmetic", "rungs": True}, "tasks[0].rungs: found 'True'; expected numbers of rungs from 1"),
        ({"task": "coding/functions", "rungs": 2}, "tasks[0].rungs: task 'coding/functions' is not a ladder"),
        ({"task": "coding/functions", "seed": 2}, "tasks[0].seed: task 'coding/functions' is not a ladder"),
        ({"task": "coding/functions", "adaptive": True}, "tasks[0].adaptive: task 'coding/functions' is not a ladder"),
        ({"task": "reasoning/arithmetic", "adaptive": {"width": 0}}, "tasks[0].adaptive"),
        ({"task": "reasoning/arithmetic", "per_rung": 0}, "tasks[0].per_rung"),
        ({**OWN, "ladder": "missing.py"}, "tasks[0].ladder: no such file"),
        ({**OWN, "ladder": None}, "tasks[0]: data: missing"),
        ({**OWN, "rungs": 9}, "tasks[0].rungs: found rung 9; the ladder of 'after' has rungs 1 to 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_place(tmp_path: Path, entry: Any, said: str) -> None:
    """File, line, key, and what to write."""
    assert said in error(tmp_path, entry, allow_code=True).partition(": ")[2]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("LADDER = 3", "has no ladder; define LADDER = gapbench.ladder.Ladder"),
        (LADDER.replace("range(2, 7)", "range(2, 200)"), "its ladder has 198 rungs; give it 1 to 100"),
        ("import missing_module", "cannot be run: ModuleNotFoundError: No module named 'missing_module'"),
        (LADDER.replace("number + 1", "1 / 0"), "its ladder raised ZeroDivisionError"),
    ],
)
def test_a_broken_ladder_file_is_named(tmp_path: Path, code: str, said: str) -> None:
    """The file, and what went wrong in it."""
    (tmp_path / "broken.py").write_text(code)

    with pytest.raises(DocumentError, match=r"broken\.py") as caught:
        load(tmp_path, {**OWN, "ladder": "broken.py"}, allow_code=True)
    assert said in str(caught.value)


@pytest.mark.parametrize("level", ["x", 0, -1, 1.5, None, 101, 10**12])
def test_a_rung_that_is_no_number_is_named_with_its_row(tmp_path: Path, level: Any) -> None:
    """The second row of the file."""
    rows = [{"q": "a", "level": 1, "a": "x"}, {"q": "b", "level": level, "a": "x"}]
    (tmp_path / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = error(
        tmp_path,
        {"name": "tickets", "category": "own", "data": "tickets.jsonl", "rung": "{level}", "prompt": "{q}",
         "target": "{a}", "scorer": "exact"},
    )  # fmt: skip

    assert "tasks[0].rung: found" in said
    assert "expected a whole number from 1 to 100 (row 2 of" in said
