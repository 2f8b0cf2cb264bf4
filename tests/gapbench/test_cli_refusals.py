"""Bad input is one line that says what to do, with exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke
from tests.two_models import SUITE, command_output


@pytest.mark.parametrize("command", ["run", "judge", "arena"])
@pytest.mark.parametrize("amount", ["nan", "inf", "1e999", "0"])
def test_an_amount_is_a_finite_number(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, amount: str
) -> None:
    """No number compares with nan: it would bound nothing."""
    assert "--max-usd" in command_output(capsys, command, "suite.yaml", "--max-usd", amount, code=2)


BAD = [
    (["run"], "no suite given; name a file"),
    (["run", "none.yaml"], "none.yaml: no such file"),
    (["run", "q.jsonl"], "q.jsonl: is data and no suite; `bench init my.yaml --from q.jsonl` writes a suite for it"),
    (["run", "suite.yaml", "--model", "nobody"], "--model 'nobody' is not in suite.yaml; it has: open, closed"),
    (["run", "suite.yaml", "--model", "nobody:x"], "no runner 'nobody' is installed"),
    (["run", "suite.yaml", "--model", "openai:"], "'openai:' is not a valid runner:model@url; openai: needs a model name"),
    (["run", "suite.yaml", "--model", "vllm:x@host"], "and @ an address with http:// or https://"),
    (
        ["plan", "suite.yaml", "--model", "vllm:a/sim", "--model", "vllm:b/sim"],
        "--model 'vllm:b/sim': another is called 'sim' too",
    ),
    (["run", "suite.yaml", "--task", "sum"], "--task 'sum' is not in suite.yaml; did you mean 'sums'?"),
    (["run", "suite.yaml", "--limit", "0"], "--limit"),
    (["run", "suite.yaml", "--yes", "--out", "q.jsonl"], "cannot write results to q.jsonl/"),
    (["run", "suite.yaml", "--model", "openai:gpt-5.2", "--yes"], "OPENAI_API_KEY is not set; export it"),
    (["run", "--resume", "nothing"], "no run 'nothing' in results"),
    (["report", "nothing"], "no run folder"),
    (["gap"], "there is no run in results/"),
    (["cost", "nothing"], "no run folder"),
    (["validate", "none.yaml"], "none.yaml: no such file"),
    (["init", "suite.yaml"], "suite.yaml already exists"),
    (["init", "new.yaml", "--from", "none.jsonl"], "none.jsonl: cannot be read"),
    (["rum"], "no command 'rum'; did you mean 'run'?"),
    (["list", "colours"], "colours"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), BAD)
def test_bad_input_is_one_line_and_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    """No traceback, nothing lost."""
    assert line in command_output(capsys, *arguments, code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        *(arguments for arguments, _ in BAD),
        ["gap", "--agianst", "x"],
        ["gap", "--margin", "wide"],
        ["batch", "statuz"],
        ["batch", "status"],
        ["emit", "slurm", "suite.yaml", "--out", "shards", "--partition", "a b"],
    ],
)
def test_what_is_wrong_is_one_line_of_bench(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Click's own errors look like ours."""
    assert 2 == invoke(arguments)
    lines = capsys.readouterr().err.strip().splitlines()

    assert [True] == [line.startswith("bench: ") for line in lines]


BAD_SUITES = [
    ("runner: sim", "runner: smi", "models[0].runner: no runner 'smi' is installed; did you mean 'sim'? there are: anthropic"),
    ("scorer: numeric", "scorer: numbers", "suite.yaml:6: tasks[0].scorer: no scorer 'numbers'; did you mean 'numeric'?"),
    ("scorer: numeric", "scorer: regex", "suite.yaml:6: tasks[0].scorer: scorer 'regex' needs pattern"),
    ("scorer: numeric", "scorer: {name: regex, pattern: '('}", "pattern"),
    ("scorer: numeric", "scorer: {name: numeric, slack: 1}", "no option 'slack'"),
    ("skill: 0.5", "skil: 0.5", "sim.skil: unknown key; did you mean 'skill'?"),
    ("protocol: openai", "protocol: smoke", "sim.protocol: found 'smoke'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), BAD_SUITES)
@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_bad_suite_is_one_line_and_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, old: str, new: str, line: str
) -> None:
    """Found before the first call, by every command that reads a suite."""
    Path("suite.yaml").write_text(SUITE.replace(old, new, 1))
    output = command_output(capsys, command, "suite.yaml", code=2)

    assert line in output
    assert "suite.yaml" in output


def test_a_search_sends_private_data_nowhere_either(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells are made as they are tried; the refusal comes before the first."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    search = "loads: [{search: {slo: {ttft_s: 1}, from_rps: 1, to_rps: 2}, duration_s: 1}]\n"
    Path("suite.yaml").write_text(SUITE.replace("name: sums,", "name: sums, data_policy: private,") + search)

    assert "'sums' is `data_policy: private`" in command_output(
        capsys, "run", "suite.yaml", "--model", "openai:gpt-5.2", "--yes", code=2
    )


def test_calibration_wants_rising_levels(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit 2."""
    assert "expected rising numbers" in command_output(capsys, "calibrate", "--levels", "100,10", code=2)
    assert "expected whole numbers" in command_output(capsys, "calibrate", "--levels", "many", code=2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("quickstrat", "quickstart"), ("siute.yaml", "suite.yaml"), ("./siute.yml", "suite.yaml")],
)
@pytest.mark.usefixtures("here")
def test_a_mistyped_suite_is_told_the_nearest(
    capsys: pytest.CaptureFixture[str], given: str, meant: str
) -> None:
    """A built-in one, or a file beside it."""
    assert f"{Path(given)}: no such file; did you mean {meant}?" in command_output(
        capsys, "run", given, code=2
    )


@pytest.mark.usefixtures("here")
def test_a_suite_like_no_other_is_told_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    """No name is made up."""
    assert "no such file; `bench init` writes a suite" in command_output(
        capsys, "run", "entirely-else", code=2
    )


def test_what_is_no_run_folder_is_told_what_it_is(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite and the folder around; `runs verify` wants a run where the others take a folder of runs."""
    monkeypatch.chdir(finished.parents[1])
    for given, word in (
        ("suite.yaml", "suite.yaml is a file; give a run folder such as results/RUN"),
        (".", "bench: . is not a run folder: it has no run.json"),
    ):
        assert word in command_output(capsys, "diff", given, given, code=2)
        assert word in command_output(capsys, "runs", "verify", given, code=2)
    word = f"results is not a run folder, it holds 1; give one of them, such as results/{finished.name}"
    assert word in command_output(capsys, "runs", "verify", "results", code=2)


def test_capacity_of_a_run_without_a_search_wants_a_limit(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which option would do; with one it prints the levels."""
    assert "give one, such as --ttft 0.5" in command_output(capsys, "capacity", str(finished), code=2)
    found = json.loads(command_output(capsys, "capacity", str(finished), "--ttft", "5", "--json"))

    assert [1.0, 1.0] == [level["attainment"] for level in found["levels"]]


def test_a_changed_suite_cannot_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what changed."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "2"])
    run = next((here / "results").iterdir())
    capsys.readouterr()
    Path("suite.yaml").write_text(SUITE + "seed: 9\n")

    assert "seed (was 0) changed since it started" in command_output(
        capsys, "run", "--resume", run.name, "--yes", code=2
    )


def test_an_empty_results_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not silence."""
    assert 0 == invoke(["runs", "list", "--out", str(tmp_path)])
    assert "no run in" in capsys.readouterr().err
