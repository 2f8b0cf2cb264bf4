"""What `bench init` makes of 30 shapes of logs and tables: the right columns, or one line that says why not.

Findings 22 and 27: values decide, not names alone. A log must not become a task that asks a model for a time or an id.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gapbench.errors import DocumentError
from gapbench.suite.column_roles import guess_roles
from gapbench.suite.scaffold import suite_scaffold
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.dataset import read_rows

PNG = b"\x89PNG\r\n\x1a\n..."
BASE64 = base64.b64encode(PNG).decode()
TURNS = [{"role": "user", "content": "Where is my order?"}]
TIME = "2026-11-01T00:00:0{n}.300000Z"
ID = "req-8f3a{n}b2c9"
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c330{n}"


class Shape(NamedTuple):
    """A shape of rows, with ``{n}`` for the row's number, and what init makes of it."""

    name: str
    row: dict[str, Any]
    prompt: str | None = None
    target: str | None = None
    image: str | None = None
    problem: str = ""
    messages: str | None = None


SHAPES = (
    # Finding 27: logs of gateways and tracers.
    Shape("litellm", {"request_id": ID, "call_type": "acompletion", "startTime": TIME, "endTime": TIME, "model": "gpt-5.2", "spend": 0.01, "messages": TURNS, "response": {"choices": []}}, messages="messages"),
    Shape("litellm text", {"request_id": ID, "startTime": TIME, "endTime": TIME, "messages": json.dumps(TURNS), "spend": "0.01"}, messages="messages"),
    Shape("litellm bare", {"request_id": ID, "startTime": TIME, "endTime": TIME, "spend": 0.01}, problem="no column looks like a prompt"),
    Shape("langfuse", {"id": UUID, "traceId": UUID, "startTime": TIME, "name": "support", "input": json.dumps({"messages": TURNS}), "output": json.dumps({"role": "assistant", "content": "On its way"})}, messages="input"),
    Shape("langfuse list", {"id": UUID, "startTime": TIME, "input": TURNS, "output": {"role": "assistant", "content": "ok"}}, messages="input"),
    Shape("langfuse with a status", {"id": UUID, "input": TURNS, "statusMessage": "the model {n} was slow to reply"}, messages="input"),
    Shape("openai chats", {"messages": TURNS, "model": "gpt-5.2"}, messages="messages"),
    Shape("gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, problem="'contents' holds conversations that cannot be sent"),
    Shape("batch", {"custom_id": ID, "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": TURNS}}, messages="body"),
    Shape("responses", {"id": ID, "request": {"model": "m", "input": TURNS}}, messages="request"),
    Shape("sharegpt", {"id": ID, "conversations": [{"from": "human", "value": "hi"}]}, messages="conversations"),
    Shape("access log", {"time": TIME, "url": "https://example.com/a/{n}", "status": 200}, problem="no column looks like a prompt"),
    Shape("epochs", {"created": 1_760_000_000, "user": UUID, "latency_ms": 12}, problem="no column looks like a prompt"),
    Shape("ids alone", {"trace": "0af7651916cd43dd8448eb211c80319{n}", "span": "b7ad6b7169203331"}, problem="no column looks like a prompt"),
    Shape("prompt is an id", {"prompt": UUID, "body": "Write a short poem about the number {n}"}, prompt="body"),
    Shape("message is a time", {"message": TIME, "words": "What is the capital of country {n}?"}, prompt="words"),
    # Finding 22: images by their values.
    Shape("file", {"file": "shot{n}.png", "question": "What total is shown?", "answer": "12"}, "question", "answer", "file"),
    Shape("screenshot", {"screenshot": "shots/{n}.png", "question": "What is it?", "answer": "12"}, "question", "answer", "screenshot"),
    Shape("path", {"path": "./shot{n}.png", "text": "Read the sum"}, "text", None, "path"),
    Shape("base64", {"blob": BASE64, "question": "What is it?"}, "question", None, "blob"),
    Shape("data uri", {"picture_data": f"data:image/png;base64,{BASE64}", "question": "What is it?"}, "question", None, "picture_data"),
    Shape("list of images", {"pages": ["shot{n}.png", "shot{n}.png"], "question": "What is it?"}, "question", None, "pages"),
    Shape("image url", {"link": "https://example.com/{n}.jpg?size=2", "question": "What is it?"}, "question", None, "link"),
    Shape("image by name", {"image": "shot{n}.png", "question": "What is it?"}, "question", None, "image"),
    Shape("missing file", {"file": "gone{n}.png", "question": "What is it?"}, "question", None, None),
    # Tables.
    Shape("tickets", {"id": ID, "question": "My card {n} was charged twice", "answer": "A"}, "question", "answer"),
    Shape("support", {"ticket_id": ID, "created_at": TIME, "text": "Card {n} was charged twice", "label": "billing"}, "text", "label"),
    Shape("unnamed", {"col1": TIME, "col2": "My card {n} was charged twice", "col3": UUID}, "col2"),
    Shape("record", {"input": '{{"name": "Ann {n}"}}', "output": "Ann"}, "input", "output"),
    Shape("short words", {"question": "cat{n}", "answer": "Katze"}, "question", "answer"),
)  # fmt: skip


def filled(value: Any, number: int) -> Any:
    """Return a value with the row's number in each text."""
    if isinstance(value, str):
        return value.replace("{n}", str(number)).replace("{{", "{").replace("}}", "}")
    if isinstance(value, dict):
        return {key: filled(inner, number) for key, inner in value.items()}
    return [filled(inner, number) for inner in value] if isinstance(value, list) else value


def table(folder: Path, shape: Shape) -> Path:
    """Write five rows of a shape, and the images that they name."""
    (folder / "shots").mkdir()
    for number in range(5):
        (folder / f"shot{number}.png").write_bytes(PNG)
        (folder / "shots" / f"{number}.png").write_bytes(PNG)
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(filled(shape.row, number)) + "\n" for number in range(5)))
    return file


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_a_shape_gets_its_columns_or_a_reason(tmp_path: Path, shape: Shape) -> None:
    """Findings 22 and 27. What is written names the columns that a person would choose."""
    file = table(tmp_path, shape)

    if shape.problem:
        with pytest.raises(DocumentError, match=shape.problem):
            suite_scaffold(tmp_path / "suite.yaml", file)
        return
    if shape.messages:
        suite = tmp_path / "suite.yaml"
        suite.write_text(suite_scaffold(suite, file))
        (task,) = load_suite(suite).load_tasks()
        assert f'messages: "{{{shape.messages}}}"' in suite.read_text()
        assert ["user"] * 5 == [sample.messages[-1].role for sample in task.samples]
        return
    roles = guess_roles(read_rows(file, None)[0], tmp_path)
    assert (shape.prompt, shape.target, shape.image) == (roles.prompt, roles.target, roles.image)


def test_there_are_thirty_shapes() -> None:
    """As many as the issue asks for, each by its own name."""
    assert 30 == len({shape.name for shape in SHAPES})


def test_images_found_by_value_are_sent(tmp_path: Path) -> None:
    """Finding 22: a column `file` of PNGs becomes the images of a multimodal task."""
    data = table(tmp_path, next(shape for shape in SHAPES if shape.name == "file"))
    file = tmp_path / "suite.yaml"
    file.write_text(suite_scaffold(file, data))
    (task,) = load_suite(file).load_tasks()

    assert "multimodal" == task.category
    assert [1] * 5 == [len(sample.messages[-1].images) for sample in task.samples]


def test_several_files_make_several_tasks(tmp_path: Path) -> None:
    """One task for each file; two files of one name get two names."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "rows.csv").write_text("question,answer\nHow old is the oldest tree?,9\nHow far is it?,8\n")
    file = tmp_path / "suite.yaml"
    file.write_text(suite_scaffold(file, [folder / "rows.csv" for folder in folders]))

    assert ["rows", "rows-2"] == [task.name for task in load_suite(file).load_tasks()]


def test_a_folder_makes_a_task_of_each_table(tmp_path: Path) -> None:
    """What is no task is left out with its reason."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "good.csv").write_text("question,answer\nHow old is the oldest tree?,9\nHow far is it?,8\n")
    (data / "log.jsonl").write_text(json.dumps({"contents": [{"role": "user", "parts": []}]}) + "\n")
    file = tmp_path / "suite.yaml"
    text = suite_scaffold(file, data)
    file.write_text(text)

    assert ["good"] == [task.name for task in load_suite(file).load_tasks()]
    assert "# Left out: log.jsonl: column 'contents' holds conversations" in text


def test_a_folder_of_images_alone_says_what_is_missing(tmp_path: Path) -> None:
    """Finding 22: `init --from shots` cannot know the questions."""
    shots = tmp_path / "shots"
    shots.mkdir()
    (shots / "1.png").write_bytes(PNG)

    with pytest.raises(
        DocumentError, match=r"folder of 1 images without a table; write shots.csv next to it"
    ):
        suite_scaffold(tmp_path / "suite.yaml", shots)


def test_letters_as_answers_bring_a_hint(tmp_path: Path) -> None:
    """Finding 21: the comment above the prompt says that the letters need their meaning."""
    data = tmp_path / "t.csv"
    data.write_text("question,answer\nMy card was charged twice,A\nThe app does not start,B\n")

    assert "say in the prompt what each means" in suite_scaffold(tmp_path / "suite.yaml", data)
