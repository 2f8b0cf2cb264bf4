"""Tasks: rows become samples by templates; what cannot be is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import DocumentError, InputError
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.values import Image, Text

PNG = b"\x89PNG\r\n\x1a\n..."
ROWS: list[dict[str, Any]] = [
    {"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1, "kind": "sum"} for n in range(5)
]
TASK = {
    "name": "sums",
    "category": "reasoning",
    "data": "q.jsonl",
    "id": "{id}",
    "prompt": "{question}",
    "target": "{answer}",
    "scorer": "numeric",
}


def load(
    folder: Path, rows: list[dict[str, Any]] | None = None, first: int | None = None, **changes: Any
) -> Task:
    """Return the task above, with changes; a change to None takes the key out."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(row) + "\n" for row in (ROWS if rows is None else rows)]
    (folder / "q.jsonl").write_text("".join(lines))
    document = {key: value for key, value in {**TASK, **changes}.items() if value is not None}
    (folder / "task.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return load_task(*read_task(folder / "task.yaml"), first)


def refused(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, rows, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")


def test_rows_become_samples(tmp_path: Path) -> None:
    """In file order, ids and targets from their columns, the whole row for scorers that need more."""
    task = load(tmp_path, cluster="{kind}", tags=["{kind}", "n={id}"], reference="= {answer}", decoy="{id}?")
    sample = task.samples[1]

    assert [f"q{n}" for n in range(5)] == [found.sample_id for found in task.samples]
    assert ((Text("What is 1 + 1?"),), 2, ROWS[1]) == (
        sample.messages[0].parts,
        sample.target,
        sample.columns,
    )
    assert ("sum", ("sum", "n=q1"), "= 2", "q1?") == (
        sample.cluster_id, sample.tags, sample.reference, sample.decoy,
    )  # fmt: skip


def test_what_is_not_given_is_unknown(tmp_path: Path) -> None:
    """Ids are row numbers from 1; no target, no scorer."""
    task = load(tmp_path, id=None, target=None, scorer=None)
    sample = task.samples[0]

    assert ("1", None, None, None, None) == (
        sample.sample_id, sample.target, sample.cluster_id, sample.reference, task.scorer_name,
    )  # fmt: skip


def test_a_smaller_limit_is_a_part_of_a_larger_one(tmp_path: Path) -> None:
    """And both keep their samples in file order."""
    one, two = ([sample.sample_id for sample in load(tmp_path, first=n).samples] for n in (1, 2))

    assert set(one) < set(two)
    assert two == sorted(two)


def test_scorer_options_are_told_from_its_name(tmp_path: Path) -> None:
    """A mapping with `name`."""
    task = load(tmp_path, scorer={"name": "numeric", "relaxed": True})

    assert ("numeric", {"relaxed": True}) == (task.scorer_name, task.scorer_options)


def test_the_hash_covers_document_and_data(tmp_path: Path) -> None:
    """A changed row, template or image is another task; a comment is not."""
    first = load(tmp_path).sha256
    (tmp_path / "task.yaml").write_text("# why\n" + (tmp_path / "task.yaml").read_text())

    assert first == load_task(*read_task(tmp_path / "task.yaml"), None).sha256
    assert first != load(tmp_path, [{**ROWS[0], "answer": 9}, *ROWS[1:]]).sha256
    assert first != load(tmp_path, prompt="{question} ").sha256


def test_the_hash_covers_the_images(tmp_path: Path) -> None:
    """Their bytes, not their names."""
    (tmp_path / "a.png").write_bytes(PNG)
    first = load(tmp_path, images=["a.png"]).sha256
    (tmp_path / "a.png").write_bytes(PNG + b"!")

    assert first != load(tmp_path, images=["a.png"]).sha256


def test_turns_few_shot_system_and_images(tmp_path: Path) -> None:
    """A prompt may have all of them, in this order."""
    (tmp_path / "a.png").write_bytes(PNG)
    messages = load(
        tmp_path,
        system="Be brief.",
        few_shot=[{"user": "1 + 1?", "assistant": "2"}],
        prompt=[{"role": "user", "text": "{question}", "images": ["a.png"]}],
        image_detail="low",
    ).samples[0].messages  # fmt: skip

    assert ["system", "user", "assistant", "user"] == [message.role for message in messages]
    assert isinstance(messages[3].parts[0], Image)
    assert ("image/png", "low") == (messages[3].images[0].media_type, messages[3].images[0].detail)


def test_a_row_without_an_image_has_none(tmp_path: Path) -> None:
    """A null or empty column; a column that is not there is a fault."""
    (tmp_path / "a.png").write_bytes(PNG)
    rows = [{**ROWS[n], "image": image} for n, image in enumerate(["a.png", None, ""])]
    samples = load(tmp_path, rows, images=["{image}"]).samples

    assert [1, 0, 0] == [len(sample.messages[0].images) for sample in samples]


FAULTS = [
    ({"prompt": "{questoin}"}, "task.yaml:5: prompt: no column 'questoin'; the columns are: id, question, answer, kind; did you mean 'question'? (row 1 of"),
    ({"prompt": "{question"}, "task.yaml:5: prompt: stray '{'"),
    ({"prompt": {"question": None}}, "prompt: found a mapping; expected text, or a list: put a template in quotes"),
    ({"prompt": ""}, "prompt: found ''; expected at least 1 character"),
    ({"prompt": []}, "prompt: found an empty list; expected at least 1 of them"),
    ({"prompt": [{"rol": "user", "text": "x"}]}, "prompt[0].rol: unknown key 'rol'; did you mean 'role'? known: role, text, images"),
    ({"prompt": [{"role": "bot", "text": "x"}]}, "prompt[0].role: found 'bot'; expected one of 'system', 'user' or 'assistant'"),
    ({"prompt": [{"role": "assistant", "text": "x"}]}, "prompt: the last turn is assistant's; it must be user's"),
    ({"prompt": [{"role": "user", "text": "x"}], "images": ["a"]}, "images goes with a prompt that is one text"),
    ({"target": "anwser"}, "task.yaml:6: target: no column 'anwser'; the columns are: id, question, answer, kind; did you mean 'answer'?"),
    ({"id": "{kind}"}, "task.yaml:4: id: rows 1 and 2 of"),
    ({"tags": ["{tag}"]}, "tags: no column 'tag'"),
    ({"few_shot": [{"user": "{x}", "assistant": "1"}]}, "few_shot: no column 'x'"),
    ({"few_shot": [{"user": "x"}]}, "few_shot[0].assistant: missing"),
    ({"data": "none.jsonl"}, "task.yaml:3: data: no such file"),
    ({"data": "x" * 300 + ".jsonl"}, "data: no such file"),
    ({"data": "q.txt"}, "no such file"),
    ({"data": {"split": "test"}}, "data.hf: missing"),
    ({"data": {"hf": "a/b", "files": ["../t.jsonl"]}}, "data.files[0]: found '../t.jsonl'; expected a path in the repository"),
    ({"data": {"hf": "a/b", "files": ["t.py"]}}, "data.files[0]: found 't.py'; expected a path in the repository, to a file that ends in"),
    ({"data": {"hf": "a/b", "files": ["t.jsonl", "u.csv"]}}, "data: files: all files have the same ending"),
    ({"data": {"hf": "a/b", "splitt": "x"}}, "data.splitt: unknown key 'splitt'; did you mean 'split'?"),
    ({"data": 5}, "data: found 5; expected text, or a mapping"),
    ({"version": 1.1}, "version: found 1.1; expected a whole number, or text: put it in quotes"),
    ({"category": "My tasks"}, "category: found 'My tasks'; expected lower-case letters"),
    ({"scorer": {"tolerance": 1}}, "a mapping needs `name`"),
    ({"limit": 0}, "limit: found 0; expected at least 1"),
    ({"image_detail": "highest"}, "image_detail: found 'highest'; expected one of 'low', 'high' or 'auto'"),
    ({"data_policy": "secret"}, "data_policy: found 'secret'; expected one of 'public' or 'private'"),
    ({"promt": "x"}, "promt: unknown key 'promt'; did you mean 'prompt'?"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), FAULTS)
def test_a_fault_is_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """What was found, where, and what would do."""
    assert said in refused(tmp_path, **changes)


def test_a_row_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    """The third has no question."""
    assert "(row 3 of" in refused(tmp_path, [*ROWS[:2], {"id": "q9", "answer": 1}])


@pytest.mark.parametrize("identity", ["", "  ", None])
def test_an_empty_id_is_refused(tmp_path: Path, identity: str | None) -> None:
    """It would name nothing in a table."""
    assert "row 2 of" in refused(tmp_path, [ROWS[0], {**ROWS[1], "id": identity}])


def test_ids_that_differ_only_in_type_are_the_same(tmp_path: Path) -> None:
    """An id is text: 1 and "1" could not be told apart."""
    assert "rows 1 and 3 of" in refused(tmp_path, [{**ROWS[0], "id": value} for value in (1, 2, "1")])


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("../secret.png", "is outside the folder of the data"),
        ("/etc/hostname", "is outside the folder of the data"),
        ("none.png", "cannot be read"),
        ("a\0b.png", "cannot be read"),
        ("x" * 300, "cannot be read"),
        (".", "cannot be read"),
        ("link.png", "is outside the folder of the data"),
        ("loop.png", "cannot be read"),
        ("q.jsonl", "is not a PNG, JPEG, GIF or WebP"),
        ("https://x.test/a.png", "save the image next to the data"),
        ("data:image/png;base64,%%%", "is not base64"),
        ("data:image/png;base64,é", "is not base64"),
        ("data:image/svg+xml,<svg/>", "is not base64"),
        ("data:image/png;base64,aGVsbG8=", "is not a PNG"),
    ],
)
def test_an_image_that_cannot_be_is_refused(tmp_path: Path, image: str, said: str) -> None:
    """Nothing outside the data's folder is read, through links neither, and nothing is fetched."""
    (tmp_path / "secret.png").write_bytes(PNG)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    message = refused(folder, [{**ROWS[0], "image": image}], images=["{image}"])

    assert message.startswith("task.yaml:8: images: ")
    assert said in message
    assert "(row 1 of" in message


def test_humaneval_rows_can_be_taken_as_they_are(tmp_path: Path) -> None:
    """task_id, prompt, entry_point, test: columns of the row reach the scorer."""
    row = {"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(f): pass"}
    sample = load(tmp_path, [row], id="{task_id}", prompt="{prompt}", target=None, scorer="code").samples[0]

    assert ("HumanEval/0", row) == (sample.sample_id, sample.columns)


def test_built_in_tasks_are_found_and_described() -> None:
    """By category/name, whatever the working directory."""
    assert {"coding/functions", "multimodal/charts", "reasoning/arithmetic"} <= set(builtin_tasks())
    assert all(read_task(find_builtin_task(name))[0].description for name in builtin_tasks())


@pytest.mark.parametrize("name", ["coding/function", "", "../tasks/coding/functions", "coding", "a\0b"])
def test_an_unknown_built_in_task_says_how_to_find_them(name: str) -> None:
    """And how to name one's own."""
    with pytest.raises(
        DocumentError, match=r"`bench list tasks` shows all \d+\. Your own is \./path/to/task\.yaml"
    ):
        find_builtin_task(name)
