"""`data_policy: private`: one rule for every command that would show a task to somebody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.two_models import SUITE, command_output

PRIVATE = (
    SUITE.replace("name: sums,", "name: sums, data_policy: private,")
    + "judges: [{id: jury, runner: openai, weights: closed, base_url: 'http://127.0.0.1:9/v1'}]\n"
)
ADDRESS = "http://127.0.0.1:9/v1"
VENDORS = ["openai:gpt-5.2", f"openai:x@{ADDRESS}", f"anthropic:x@{ADDRESS}", f"google:x@{ADDRESS}"]


@pytest.fixture
def private(here: Path) -> None:
    """The task of the suite is private."""
    (here / "suite.yaml").write_text(PRIVATE)


@pytest.fixture(scope="module")
def judged(finished: Path) -> Path:
    """A finished run whose task was marked private afterwards."""
    (finished.parents[1] / "suite.yaml").write_text(PRIVATE)
    return finished


@pytest.fixture
def _beside(judged: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(judged.parents[1])
    yield
    (judged.parents[1] / "suite.yaml").write_text(PRIVATE)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    return command_output(capsys, *arguments, code=2)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("command", ["run", "plan", "try"])
@pytest.mark.parametrize("model", VENDORS)
def test_a_vendors_protocol_is_somebody_elses_at_any_address(
    capsys: pytest.CaptureFixture[str], command: str, model: str
) -> None:
    """A gateway on this machine passes prompts on, and no key need be there to be told so."""
    line = refused(capsys, command, "suite.yaml", "--model", model)

    assert "task 'sums' is `data_policy: private`" in line
    assert f"model '{model.partition('@')[0].partition(':')[2]}'" in line


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_suite_is_held_to_it_before_it_is_run(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Where the suite is only looked at too."""
    closed = f"runner: openai, base_url: '{ADDRESS}'"
    (here / "suite.yaml").write_text(
        PRIVATE.replace("id: closed, runner: sim", f"id: closed, {closed}").replace(
            ", sim: {protocol: anthropic, skill: 0.9, ttft_s: 0.001, gap_s: 0}", ""
        )
    )

    line = refused(capsys, command, "suite.yaml")
    assert "suite.yaml: task 'sums' is `data_policy: private`, and model 'closed'" in line


@pytest.mark.usefixtures("private")
def test_a_suite_may_say_that_the_model_is_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Open weights, no key: what stands at the address is the user's word."""
    open_ = f"id: mine, runner: openai, weights: open, base_url: '{ADDRESS}'"
    (here / "suite.yaml").write_text(PRIVATE.replace("models:\n", f"models:\n  - {{{open_}}}\n"))

    assert "valid: 3 models" in command_output(capsys, "validate", "suite.yaml")


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("model", [f"vllm:x@{ADDRESS}", "open", "closed"])
def test_ones_own_and_simulated_models_are_asked(
    here: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    """Nothing leaves."""
    assert "sums" in command_output(capsys, "plan", "suite.yaml", "--model", model)


@pytest.mark.usefixtures("_beside")
@pytest.mark.parametrize("judge", ["jury", *VENDORS])
def test_an_arenas_judge_is_held_to_the_same_rule(
    judged: Path, capsys: pytest.CaptureFixture[str], judge: str
) -> None:
    """It is shown prompts and answers."""
    line = refused(capsys, "arena", str(judged), "--judge", judge, "--yes")

    assert "task 'sums' is `data_policy: private`" in line


@pytest.mark.usefixtures("_beside")
@pytest.mark.parametrize("judge", ["jury", *VENDORS])
def test_a_grader_is_too(judged: Path, capsys: pytest.CaptureFixture[str], judge: str) -> None:
    """`bench judge`, where the suite now has a rubric."""
    suite = judged.parents[1] / "suite.yaml"
    suite.write_text(
        PRIVATE.replace("scorer: numeric", "scorer: {name: judge, model: jury, rubric: Is it right?}")
    )

    line = refused(capsys, "judge", str(judged), "--judge", judge, "--yes")
    assert "task 'sums' is `data_policy: private`" in line


@pytest.mark.usefixtures("_beside")
def test_a_task_that_the_suite_has_lost_is_not_shown(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is left to say that it was public."""
    suite = judged.parents[1] / "suite.yaml"
    suite.write_text(PRIVATE.replace("name: sums,", "name: renamed,"))

    assert "task 'sums' of the run is no longer in the suite" in refused(
        capsys, "arena", str(judged), "--judge", "jury", "--yes"
    )
