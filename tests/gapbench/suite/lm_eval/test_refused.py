"""What is refused before anything is sent, each in one line that says what would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from gapbench.store import read_manifest
from gapbench.suite.lm_eval import generative_equivalents, library
from tests.gapbench.suite.lm_eval.conftest import TASKS, Bench

OPEN = {"id": "m", "runner": "vllm", "model": "stub", "weights": "open", "base_url": "http://127.0.0.1:9/v1"}
CLOSED = {"id": "opus", "runner": "anthropic", "model": "claude-opus-4-6", "weights": "closed"}
DATA = str(TASKS / "capitals.jsonl")
GENERATE = f"""
task: mine
dataset_path: json
dataset_kwargs: {{data_files: {{test: {DATA}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{city}}}}"
"""
CODE = "def judge(doc, results):\n    return {'acc': float(doc['city'] in results[0])}\n"
Plan = Callable[..., str]


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Plan:
    """Runs `bench plan` on a suite and returns what it said on stderr; the exit code is 2."""

    def refused(name: str, *models: dict[str, Any], options: tuple[str, ...] = (), **entry: Any) -> str:
        suite = tmp_path / "suite.yaml"
        document = {"name": "s", "models": list(models) or [OPEN], "tasks": [{"lm_eval": name, **entry}]}
        suite.write_text(json.dumps(document))

        assert 2 == invoke(["plan", str(suite), *options])
        said = capsys.readouterr().err
        assert 1 == said.count("\n"), said
        return said

    return refused


def own(folder: Path, text: str, **files: str) -> str:
    """Write a task YAML with what lies beside it, and return its name."""
    (folder / "mine.yaml").write_text(text)
    for name, content in files.items():
        (folder / name.replace("_py", ".py").replace("_yaml", ".yaml")).write_text(content)
    return "mine.yaml"


def test_a_closed_model_gives_no_log_probabilities(plan: Plan) -> None:
    """A multiple choice by likelihood is refused for a suite with a closed model, and the model is named."""
    said = plan(str(TASKS / "choices.yaml"), OPEN, CLOSED)

    assert "scored by log-probabilities of the prompt, which no closed chat API returns (opus)" in said
    assert said.endswith("leave the closed models out\n")


def test_the_generative_twin_is_named_before_any_data_are_fetched(plan: Plan) -> None:
    """MMLU needs the network here, and yet the refusal comes first."""
    assert "take its generative twin 'mmlu_generative', or leave" in plan("mmlu", OPEN, CLOSED)


def test_a_group_is_refused_for_one_of_its_tasks(plan: Plan, tmp_path: Path) -> None:
    """What a group holds is looked at, not its own line."""
    group = own(tmp_path, "group: g\ntask: [choices]\n", choices_yaml=(TASKS / "choices.yaml").read_text())

    assert "lm-eval's 'mine.yaml' is scored by log-probabilities" in plan(group, OPEN, CLOSED)


def test_a_runner_without_completions_is_refused(plan: Plan) -> None:
    """Open weights behind a chat API alone are told what would do."""
    model = {**OPEN, "runner": "openai"}

    assert "which runner 'openai' cannot request; use a runner that can, such as vllm" in plan(
        str(TASKS / "cloze.yaml"), model
    )


def test_every_twin_is_a_task_that_generates() -> None:
    """Both sides of the table are lm-eval's names; the left needs log-probabilities, the right does not."""
    library.import_lm_eval()
    with library.suppress_output():
        from lm_eval.tasks import TaskManager

        index = TaskManager().task_index
    weighed = {
        name
        for name in generative_equivalents.GENERATIVE_EQUIVALENTS
        if name in index and generative_equivalents.needs_logprobs(name, index)
    }
    generated = {
        name
        for name in generative_equivalents.GENERATIVE_EQUIVALENTS.values()
        if name in index and not generative_equivalents.needs_logprobs(name, index)
    }

    assert set(generative_equivalents.GENERATIVE_EQUIVALENTS) == weighed
    assert set(generative_equivalents.GENERATIVE_EQUIVALENTS.values()) == generated
    assert "mmlu_anatomy_generative" == generative_equivalents.generative_equivalent("mmlu_anatomy", index)
    assert generative_equivalents.generative_equivalent("hellaswag", index) is None


def test_a_users_function_does_not_run_unasked(plan: Plan, tmp_path: Path) -> None:
    """`!function` is Python of whoever wrote the YAML: its line is named, and nothing of it ran."""
    mark = tmp_path / "ran"
    text = f"{GENERATE}process_results: !function code.judge\n"
    said = plan(own(tmp_path, text, code_py=f"open({str(mark)!r}, 'w')\n{CODE}"))

    assert "mine.yaml:9: !function code.judge is Python; it would run with your permissions: read it" in said
    assert not mark.exists()


def test_with_allow_code_it_runs(tmp_path: Path, bench: Bench) -> None:
    """The function judges the replies; the answers are those of the stub."""
    text = f"{GENERATE}process_results: !function code.judge\nmetric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]\n"
    own(tmp_path, text, code_py=CODE)
    folder = bench("x", tasks=[{"lm_eval": "mine.yaml"}], options=("--allow-code",))
    (graded,) = read_manifest(folder).graded

    # Of paris!, Rome, Lima., The answer is Tokyo, Mombasa and ndjamena three hold the city as written.
    assert 3 / 6 == graded["results"]["mine"]["acc,none"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("include: other.yaml", "other.yaml:1: !function code.judge is Python"),
        ("metric_list: [{metric: exact_match, hf_evaluate: true}]", "hf_evaluate fetches or runs Python"),
        ("metric_list: [{metric: ./mine}]", "metric './mine' is none of lm-eval's own, so it would run"),
        ("unsafe_code: true", "unsafe_code fetches or runs Python"),
        ("use_prompt: promptsource:all", "use_prompt reads templates of another package"),
    ],
)
def test_other_doors_to_code_are_shut(line: str, said: str, plan: Plan, tmp_path: Path) -> None:
    """Whatever would import, fetch or run Python is refused without --allow-code."""
    other = "process_results: !function code.judge\n"

    assert said in plan(own(tmp_path, f"{GENERATE}{line}\n", other_yaml=other, code_py=CODE))


def test_a_groups_members_are_looked_at_too(plan: Plan, tmp_path: Path) -> None:
    """A member's code is its group's."""
    group = own(tmp_path, "group: g\ntask: [other]\n", other_yaml=GENERATE.replace("mine", "other") + "process_docs: !function code.judge\n")  # fmt: skip

    assert "other.yaml:9: !function code.judge is Python" in plan(group)


def test_a_template_reaches_no_python(plan: Plan, tmp_path: Path) -> None:
    """Jinja's way to every object of the process is closed by its sandbox."""
    text = GENERATE.replace("{{question}}", "{{ ''.__class__.__mro__[1].__subclasses__() }}")

    assert "SecurityError: access to attribute '__class__' of 'str' object is unsafe" in plan(
        own(tmp_path, text)
    )


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("absent.yaml", {}, "absent.yaml: no such file; a name without .yaml is one of lm-eval's own"),
        ("words.yaml", {"filter": "strict"}, "lm-eval's words has no filter 'strict'; it has: bare"),
        ("words.yaml", {"metric": "acc"}, "lm-eval's words has no metric 'acc'; it has: exact_match"),
        ("gsm8kk", {}, "no task, group or tag 'gsm8kk'; did you mean 'gsm8k'"),
    ],
)
def test_a_slip_is_told(name: str, entry: dict[str, Any], said: str, plan: Plan) -> None:
    """What is not there is named with what is."""
    there = str(TASKS / name) if name == "words.yaml" else name

    assert said in plan(there, **entry)


def test_a_yaml_that_is_no_task_is_told(plan: Plan, tmp_path: Path) -> None:
    """A list, and a mapping without a name."""
    assert "names neither a task nor a group" in plan(own(tmp_path, "dataset_path: json\n"))
    assert "lm-eval cannot read it" in plan(own(tmp_path, "- a\n"))


def test_data_that_cannot_be_had_are_told(plan: Plan, tmp_path: Path) -> None:
    """The failure of the data library is one line."""
    assert "lm-eval cannot load 'mine.yaml'" in plan(own(tmp_path, GENERATE.replace(DATA, "absent.jsonl")))


def test_without_lm_eval_the_extra_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is an extra."""
    monkeypatch.setitem(sys.modules, "lm_eval", None)

    assert "pip install 'gapbench[lm-eval]'" in plan("gsm8k")
