"""What `bench init` writes can be loaded, and guesses the columns of the user's data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import DocumentError
from gapbench.suite.scaffold import suite_scaffold
from gapbench.suite.suite import Suite, load_suite
from gapbench.suite.tasks.task import Task

PNG = b"\x89PNG\r\n\x1a\n..."


def started(folder: Path, data: Path | None = None, name: str = "my-suite.yaml") -> Suite:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(suite_scaffold(file, data), encoding="utf-8")
    return load_suite(file)


def own(folder: Path, rows: list[dict[str, Any]], name: str = "tickets.jsonl") -> Task:
    """Return the task of the suite that is written over some rows."""
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return started(folder, folder / name).load_tasks()[0]


def test_a_suite_without_data_has_built_in_tasks(tmp_path: Path) -> None:
    """Two closed models, one open on vLLM; it loads."""
    suite = started(tmp_path)

    assert [("vllm", "open"), ("openai", "closed"), ("anthropic", "closed")] == [
        (model.runner, model.weights) for model in suite.models
    ]
    assert ("my-suite", ["coding/functions", "reasoning/arithmetic"]) == (suite.name, suite.task_names())
    assert suite.load_tasks(limit=1)


def test_the_comments_teach() -> None:
    """How to check, price and run it, how to own a server, and where keys come from."""
    text = suite_scaffold(Path("s.yaml"), None)

    for taught in ("bench validate s.yaml", "bench plan s.yaml", "bench run s.yaml", "serve:", "environment"):
        assert taught in text


SCORERS = [
    (["A", "E", "B"], "choice"),
    (["a", "b", "c"], "exact"),
    ([1, 2.5, -3], "numeric"),
    (["1", "2,000", "-.5"], "numeric"),
    (["1", "two", "3"], "exact"),
    ([True, False, True], "exact"),
    (["yes", "no", "yes"], "exact"),
    ([None, "A", "B"], "choice"),
    ([None, None, None], "exact"),
]


@pytest.mark.parametrize(("answers", "scorer"), SCORERS)
def test_the_scorer_is_guessed_from_the_answers(tmp_path: Path, answers: list[Any], scorer: str) -> None:
    """Letters A to J are a choice, numbers numeric, the rest exact."""
    rows = [{"question": f"Q{n}", "answer": answer} for n, answer in enumerate(answers)]

    assert scorer == own(tmp_path, rows).scorer_name


def test_columns_are_guessed_by_name(tmp_path: Path) -> None:
    """Whatever their case; an id only where it is unique."""
    rows = [{"ID": 7 + n, "Question": f"Q{n}?", "Note": "x" * 50, "Label": "good"} for n in range(3)]
    sample = own(tmp_path, rows).samples[0]

    assert ("7", "Q0?", "good") == (sample.sample_id, sample.messages[0].text, sample.target)


@pytest.mark.parametrize("identity", ["same", None, ""])
def test_a_column_that_is_not_unique_is_no_id(tmp_path: Path, identity: str | None) -> None:
    """Row numbers are."""
    rows = [{"id": identity, "question": f"Q{n}", "answer": "x"} for n in range(2)]

    assert ["1", "2"] == [sample.sample_id for sample in own(tmp_path, rows).samples]


def test_the_longest_text_is_the_prompt_where_no_name_says(tmp_path: Path) -> None:
    """And without an answer the replies are only timed."""
    task = own(tmp_path, [{"a": "short", "b": "a longer text"}])

    assert ("a longer text", None) == (task.samples[0].messages[0].text, task.scorer_name)


def test_options_are_shown_to_the_model(tmp_path: Path) -> None:
    """An index into them is a choice as well."""
    task = own(tmp_path, [{"question": "Which?", "choices": ["red", "blue"], "answer": 1}])

    assert '["red", "blue"]' in task.samples[0].messages[0].text
    assert ("choice", 1) == (task.scorer_name, task.samples[0].target)


def test_code_tasks_are_known_by_their_columns(tmp_path: Path) -> None:
    """HumanEval's form."""
    row = {
        "task_id": "x/0",
        "prompt": "def f():",
        "entry_point": "f",
        "test": "def check(f): pass",
        "solution": "",
    }
    task = own(tmp_path, [row])

    assert ("coding", "code", "x/0", None) == (
        task.category, task.scorer_name, task.samples[0].sample_id, task.samples[0].target,
    )  # fmt: skip


def test_images_are_known_by_their_bytes(tmp_path: Path) -> None:
    """A column named image that holds paths."""
    (tmp_path / "a.png").write_bytes(PNG)
    task = own(tmp_path, [{"image": "a.png", "question": "What?", "answer": "x"}])

    assert ("multimodal", 1) == (task.category, len(task.samples[0].messages[0].images))


@pytest.mark.parametrize(
    "name", ["a b#c.jsonl", "123.jsonl", "no.jsonl", "'q'.jsonl", "- x: {y}.jsonl", "é.jsonl"]
)
def test_odd_names_of_files_are_quoted(tmp_path: Path, name: str) -> None:
    """Spaces, marks of YAML, numbers, words."""
    assert own(tmp_path, [{"question": "Q", "answer": "x"}], name).samples


@pytest.mark.parametrize("name", ["7.yaml", "on.yaml", "my suite.yaml", "---.yaml", "sub/x.yaml", "{x}.yaml"])
def test_odd_names_of_suites_are_quoted(tmp_path: Path, name: str) -> None:
    """The data's path is relative to the suite, also upwards."""
    data = tmp_path / "q.jsonl"
    data.write_text('{"question": "Q", "answer": "x"}\n')
    suite = started(tmp_path, data, name)

    assert suite.load_tasks()
    assert os.fspath(tmp_path) not in suite.path.read_text().partition("tasks:")[2]


def test_columns_that_some_row_lacks_are_left_out(tmp_path: Path) -> None:
    """A template that names one would fail."""
    rows: list[dict[str, Any]] = [
        {"my question": "no", "prompt": "Q0", "question": "sometimes", "{x}\n": 1},
        {"my question": "no", "prompt": "Q1"},
    ]

    assert ["Q0", "Q1"] == [sample.messages[0].text for sample in own(tmp_path, rows).samples]


def test_csv_is_read_too(tmp_path: Path) -> None:
    """With its header."""
    (tmp_path / "q.csv").write_text("question,answer\nWhat is 1?,1\n")

    assert "numeric" == started(tmp_path, tmp_path / "q.csv").load_tasks()[0].scorer_name


def test_data_without_a_prompt_are_refused(tmp_path: Path) -> None:
    """The columns there are, and what would do."""
    (tmp_path / "q.jsonl").write_text('{"n": 1, "on time": true}\n')

    with pytest.raises(
        DocumentError, match=r"no column looks like a prompt; the columns are: n, on time\. Rename one"
    ):
        suite_scaffold(tmp_path / "s.yaml", tmp_path / "q.jsonl")


def test_missing_data_are_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(DocumentError, match=r"none\.jsonl: cannot be read"):
        suite_scaffold(tmp_path / "s.yaml", tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("target", "scorer"),
    [
        ("48/2 = 24\n#### 72", "numeric"),
        (r"So $\boxed{\frac{1}{2}}$.", "math"),
        (r"\frac{3}{4}", "math"),
        ('{"city": "Oslo"}', "json"),
        ({"city": "Oslo"}, "json"),
        (["UK", "United Kingdom"], "exact"),
        ("word " * 20, "rouge"),
        ("Oslo", "exact"),
    ],
)
def test_scorers_are_guessed_from_the_targets(tmp_path: Path, target: object, scorer: str) -> None:
    """GSM8K, MATH, JSON, lists, long texts."""
    rows = [{"question": f"q{n}", "answer": target} for n in range(3)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert scorer == started(tmp_path, tmp_path / "q.jsonl").load_tasks()[0].scorer_name


def test_tags_and_clusters_are_taken_over(tmp_path: Path) -> None:
    """Columns of labels, and the one that says which rows belong together."""
    rows = [{"question": f"q{n}", "answer": "a", "level": n, "document_id": "d1"} for n in range(3)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sample = started(tmp_path, tmp_path / "q.jsonl").load_tasks()[0].samples[2]

    assert (("2",), "d1") == (sample.tags, sample.cluster_id)
