"""Prompts that cannot lead to a right answer are found before they are paid for (findings 20, 21 and 22)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.prompt_problems import find_prompt_problems

PNG = b"\x89PNG\r\n\x1a\n..."
LISTED = "{question}\n\nA) billing\nB) shipping\nReply with the letter."
README = Path(__file__).parents[4] / "README.md"


def problems(folder: Path, rows: list[dict[str, Any]], **task: Any) -> list[str]:
    """Return what is doubtful about a task over some rows."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"name": "t", "category": "reasoning", "data": "rows.jsonl", **task}
    model = {"id": "m", "runner": "sim", "weights": "open"}
    (folder / "s.yaml").write_text(yaml.safe_dump({"name": "s", "models": [model], "tasks": [given]}))
    (loaded,) = load_suite(folder / "s.yaml").load_tasks()
    return [problem.partition("task 't': ")[2] for problem in find_prompt_problems(loaded)]


def tickets(answers: str = "ABAB", **more: Any) -> list[dict[str, Any]]:
    return [{"question": f"Ticket {n}?", "answer": answer, **more} for n, answer in enumerate(answers)]


def test_a_bare_column_name_is_a_constant_prompt(tmp_path: Path) -> None:
    """Finding 20: `prompt: question` asks the word; the way to write the column is said."""
    (problem,) = problems(tmp_path, tickets("1234"), prompt="question", target="answer", scorer="exact")

    assert (
        "prompt: all 4 samples are asked the same, 'question'; write \"{question}\" for the column" == problem
    )


def test_a_prompt_without_a_column_is_a_constant_prompt(tmp_path: Path) -> None:
    """Finding 20: whatever its words."""
    (problem,) = problems(tmp_path, tickets("1234"), prompt="Answer now.", scorer="none")

    assert "prompt: all 4 samples are asked the same, 'Answer now.'; name a column, as {column}" == problem


def test_one_sample_may_be_asked_anything(tmp_path: Path) -> None:
    """A single row has no other to differ from."""
    assert [] == problems(tmp_path, tickets("1"), prompt="Answer now.", scorer="none")


@pytest.mark.parametrize(
    "prompt", ["{question}", "{question}\n\nReply with the letter of the queue alone.", "{question} A or B?"]
)
def test_letters_that_no_prompt_explains(tmp_path: Path, prompt: str) -> None:
    """Finding 21: the prompt of the old README among them."""
    (problem,) = problems(tmp_path, tickets(), prompt=prompt, target="answer", scorer="choice")

    assert problem.startswith(
        "prompt: the targets are the letters A to B, and all 4 prompts do not say what they mean"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        LISTED, "{question} (A) billing (B) shipping", "{question} A: billing, B: shipping", "{question}\nA = billing\nB = shipping",
        "{question} Reply A for billing and B for shipping.", "{question}\n**A.** billing\n**B.** shipping", '{question} {{"A": "billing", "B": "shipping"}}',
        "{question} A – billing, B – shipping",
    ],
)  # fmt: skip
def test_listed_choices_are_explained(tmp_path: Path, prompt: str) -> None:
    """However they are listed."""
    assert [] == problems(tmp_path, tickets(), prompt=prompt, target="answer", scorer="choice")


def test_choices_in_a_column_are_explained(tmp_path: Path) -> None:
    """As `bench init` writes them: `Options, A first: {options}`."""
    rows = tickets(options=["billing", "shipping"])

    assert [] == problems(
        tmp_path, rows, prompt="{question} Options, A first: {options}", target="answer", scorer="choice"
    )


def test_a_system_prompt_explains_too(tmp_path: Path) -> None:
    """The choices need not be in the same turn."""
    assert [] == problems(
        tmp_path,
        tickets(),
        prompt="{question}",
        system="A) billing\nB) shipping",
        target="answer",
        scorer="choice",
    )


@pytest.mark.parametrize("answers", [["7", "8"], ["yes", "no"], ["Apple", "B"]])
def test_other_targets_need_no_list(tmp_path: Path, answers: list[str]) -> None:
    """Only letters alone are choices."""
    rows = [{"question": f"Q{n}?", "answer": answer} for n, answer in enumerate(answers)]

    assert [] == problems(tmp_path, rows, prompt="{question}", target="answer", scorer="exact")


def test_an_image_column_that_is_not_used(tmp_path: Path) -> None:
    """Finding 22: the models would be asked blind."""
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(PNG)
    rows = [{**row, "file": f"{n}.png"} for n, row in enumerate(tickets("1234"))]
    (problem,) = problems(tmp_path, rows, prompt="{question}", target="answer", scorer="exact")

    assert problem.startswith("images: column 'file' holds images and no prompt has any")
    assert problem.endswith('add images: ["{file}"]')
    assert [] == problems(
        tmp_path, rows, prompt="{question}", images=["{file}"], target="answer", scorer="exact"
    )


def test_validate_warns_and_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A doubt is no error: exit 0, a line for each."""
    problems(tmp_path, tickets(), prompt="question", target="answer", scorer="choice")

    assert 0 == invoke(["validate", str(tmp_path / "s.yaml")])
    assert 2 == capsys.readouterr().out.count("  warning: ")


def test_the_readme_says_what_its_letters_mean(tmp_path: Path) -> None:
    """Finding 21: its own prompt passes the check."""
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    prompt = yaml.safe_load(next(block for block in blocks if "tickets.jsonl" in block))["tasks"][0]["prompt"]

    assert [] == problems(tmp_path, tickets("ABCDE"), prompt=prompt, target="answer", scorer="choice")
