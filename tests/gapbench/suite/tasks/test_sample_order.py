"""The working order: every prefix is a small copy of the task, for every limit, model and data format."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gapbench.execution.setup import Selection, build_run_setup
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.sample_order import order_by_labels
from gapbench.suite.tasks.task import Task

LABELS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([None, "x", "y", "z", "w"])), min_size=1, max_size=60
)
DRAWN = ("long-", "haystack", "hints", "repo_change")
QUICK = [
    name
    for name in builtin_tasks()
    if not name.startswith("public/") and not any(part in name for part in DRAWN)
]
"""Built-in tasks whose data is in the package and not made when the suite is read."""


@cache
def builtin_task(name: str, limit: int | None = None, seed: int = 0) -> Task:
    return load_task(*read_task(find_builtin_task(name)), limit, seed=seed)


def ids(task: Task, seed: int = 0) -> list[str]:
    return [sample.sample_id for sample in task.ordered_samples(seed)]


@given(LABELS, st.integers(0, 99))
def test_the_order_is_a_permutation(labels: list[tuple[str | None, ...]], seed: int) -> None:
    """Every sample once."""
    assert list(range(len(labels))) == sorted(order_by_labels(labels, str(seed)))


@given(LABELS, st.integers(0, 99), st.data())
def test_each_value_of_the_coarsest_label_has_its_share_of_every_prefix(
    labels: list[tuple[str | None, ...]], seed: int, data: st.DataObject
) -> None:
    """To within one sample of each value: 40 % of the task is 40 % of the first N, give or take one per value."""
    column = min((0, 1), key=lambda at: len({entry[at] for entry in labels}))
    length = data.draw(st.integers(1, len(labels)))
    prefix = order_by_labels(labels, str(seed))[:length]
    whole = Counter(entry[column] for entry in labels)
    part = Counter(labels[place][column] for place in prefix)

    for value, count in whole.items():
        assert abs(part[value] - count * length / len(labels)) < len(whole) + 1


def test_a_label_that_differs_everywhere_spreads_nothing_and_hides_nothing() -> None:
    """100 samples, a tag of their own each and two tiers: the first 10 hold 5 of each tier, to within one."""
    labels = [(f"id-{n}", "easy" if n < 50 else "hard") for n in range(100)]
    first = order_by_labels(labels, "0")[:10]

    assert 4 <= sum(place < 50 for place in first) <= 6


def test_single_clusters_are_not_left_for_last() -> None:
    """One cluster of 50 and 50 of one: on average over seeds the first 20 hold 10 of either kind."""
    labels: list[tuple[str | None, ...]] = [("big" if n < 50 else f"own-{n}",) for n in range(100)]
    from_big = [sum(place < 50 for place in order_by_labels(labels, str(seed))[:20]) for seed in range(200)]

    assert 9 <= sum(from_big) / len(from_big) <= 11


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_20_samples_of_a_built_in_task_hold_every_tier(name: str, seed: int) -> None:
    """The data files are sorted by tier; the first 20 of the file held only easy ones."""
    few, whole = builtin_task(name, 20, seed), builtin_task(name)

    assert min(20, len(whole.samples)) == len(few.samples)
    assert {sample.tags[0] for sample in whole.samples} == {sample.tags[0] for sample in few.samples}


def test_20_samples_hold_every_rung() -> None:
    """Arithmetic has 15 rungs of 8 items; the first 20 of the file held 3 of them."""
    assert set(range(1, 16)) == {sample.rung for sample in builtin_task("reasoning/arithmetic", 20).samples}


@pytest.mark.parametrize("name", QUICK)
def test_limits_are_prefixes_of_one_order(name: str) -> None:
    """The N of a smaller limit come first in a larger one, in the same order."""
    whole = ids(builtin_task(name))

    for limit in (1, 2, 3, 5, 20, 50):
        assert whole[:limit] == ids(builtin_task(name, limit))


def test_another_seed_picks_others() -> None:
    """A fresh run may ask other items."""
    assert set(ids(builtin_task("reasoning/arithmetic", 20))) != set(
        ids(builtin_task("reasoning/arithmetic", 20, seed=1), 1)
    )


def test_every_model_gets_the_same_samples_in_the_same_order() -> None:
    """Also when the models are run one by one."""
    both = build_run_setup(Selection("quickstart", limit=7)).plan
    asked: dict[str, set[tuple[str, ...]]] = {}
    for cell in both.cells:
        order = tuple(request.sample.sample_id for request in cell.requests)
        asked.setdefault(cell.task.name, set()).add(order)
    alone = build_run_setup(Selection("quickstart", (both.models[-1].id,), limit=7)).plan
    for cell in alone.cells:
        asked[cell.task.name].add(tuple(request.sample.sample_id for request in cell.requests))

    assert {1} == {len(orders) for orders in asked.values()}


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet", "generator"])
def test_all_kinds_of_data_give_the_same_choice(tmp_path: Path, ending: str) -> None:
    """40 rows sorted by tier; row numbers as ids stay those of the file."""
    rows = [{"tier": "easy" if n < 20 else "hard", "question": f"{n}?", "answer": n} for n in range(40)]
    file = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        import pandas as pd

        pd.DataFrame(rows).to_parquet(file)
    elif ending == "csv":
        file.write_text(
            "tier,question,answer\n" + "".join(f"{r['tier']},{r['question']},{r['answer']}\n" for r in rows)
        )
    elif ending == "generator":
        file = tmp_path / "rows.py"
        file.write_text(f"def rows():\n    return {rows!r}\n")
    else:
        lines = [json.dumps(row) for row in rows]
        file.write_text(f"[{','.join(lines)}]" if ending == "json" else "\n".join(lines))
    document = {
        "name": "tiers", "category": "reasoning", "prompt": "{question}", "target": "answer", "scorer": "exact",
        "tags": ["{tier}"], "data": {"generator": "rows.py"} if ending == "generator" else file.name,
    }  # fmt: skip
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(document))
    task = load_task(*read_task(tmp_path / "task.yaml"), 10, allow_code=True)
    labels = [(str(row["tier"]), None) for row in rows]
    expected = [str(place + 1) for place in order_by_labels(labels, "0:tiers")[:10]]

    assert expected == ids(task)
    assert [f"{int(one) - 1}?" for one in expected] == [
        sample.messages[0].text for sample in task.ordered_samples(0)
    ]
    assert {"easy": 5, "hard": 5} == Counter(sample.tags[0] for sample in task.samples)


def test_a_run_of_the_first_version_keeps_its_samples(tmp_path: Path) -> None:
    """Its selection has no order: the limit took the first rows of the file, and a resume asks for the same."""
    before = Selection.from_json(
        {"suite": "quickstart", "models": [], "tasks": [], "limit": 3}, allow_code=False
    )
    first = {
        task.name: [sample.sample_id for sample in task.samples]
        for task in build_run_setup(before).plan.tasks
    }

    rungs = {"reasoning/arithmetic": range(3, 9), "multimodal/charts": range(2, 10)}
    for name, samples in first.items():
        asked = [
            sample for sample in builtin_task(name).samples if name not in rungs or sample.rung in rungs[name]
        ]
        assert samples == [sample.sample_id for sample in asked[:3]]


def test_a_selection_survives_run_json() -> None:
    """So that a resumed run picks the same samples and keeps its rule."""
    chosen = Selection("quickstart", ("a",), ("t",), 5, until_sure=True)

    assert chosen == Selection.from_json(json.loads(json.dumps(chosen.as_json())), allow_code=False)
