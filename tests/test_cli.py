"""The command line: what is printed, where, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import COMMANDS, bench, invoke
from harness.store import read_attempts, read_manifest
from tests.two_models import SUITE, said


def test_the_lines_of_the_help_are_the_commands_own() -> None:
    """`bench --help` does not import the commands; this keeps its table true."""
    import click

    for name in COMMANDS:
        command = bench.get_command(click.Context(bench), name)
        assert command is not None
        assert command.help
        assert name == command.name


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer copies an example first."""
    output = said(capsys, name, "--help")

    assert "bench " + name in output
    assert "xample" in output


def test_a_run_prints_its_tables_and_where_things_lie(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Summary, gap with a verdict, cost; simulated on every table; Parquet and page named."""
    output = said(capsys, "run", "suite.yaml", "--yes")
    run = next((here / "results").iterdir())

    assert 3 == output.count("SIMULATED")
    assert "attempts-*.parquet" in output
    assert str(run.relative_to(here) / "report.html") in output
    assert 60 == len(read_attempts([run]))
    assert "complete" == read_manifest(run)["state"]
    assert "SIMULATED" in (run / "report.html").read_text().upper()


def test_the_gap_is_what_the_personas_were_set_to(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Skills 0.9 and 0.5 over 30 items: a gap of 40 points lies within the interval."""
    table = json.loads(said(capsys, "gap", str(finished), "--json"))
    row = next(row for row in table["rows"] if row["metric"] == "accuracy" and row["category"] == "reasoning")

    assert table["simulated"]
    assert ("closed", "open") == (row["closed"]["model"], row["open"]["model"])
    assert row["ci_low"] <= 40 <= row["ci_high"]


def test_cost_is_priced_on_both_sides(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """API dollars for the closed model, GPU hours for the open one."""
    output = said(capsys, "cost", str(finished), "--json")

    assert "closed" in output
    assert "open" in output
    assert json.loads(output)["simulated"]


@pytest.mark.parametrize(
    "option",
    [["--html", "page.html"], ["--md", "page.md"], ["--csv", "page.csv"], ["--parquet", "page.parquet"]],
)
def test_a_report_is_written_where_asked(
    finished: Path, here: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    """One file each, not empty."""
    said(capsys, "report", str(finished), *option)

    assert (here / option[1]).stat().st_size > 100


def test_plots_are_written(finished: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each as SVG and PNG."""
    paths = [Path(line) for line in said(capsys, "report", str(finished), "--plots", "plots").splitlines()]

    assert {".svg", ".png"} == {path.suffix for path in paths}
    assert all(path.exists() for path in paths)


def test_results_are_found_by_run_id(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the newest is taken when none is named."""
    monkeypatch.chdir(finished.parents[1])

    assert said(capsys, "gap", finished.name, "--json") == said(capsys, "gap", "--json")


def test_a_dry_run_calls_nobody(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan is shown and no folder is made."""
    output = said(capsys, "run", "suite.yaml", "--dry-run")

    assert "2 cells, 60 requests" in output
    assert not (here / "results").exists()


def test_the_plan_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells, and what each model can cost at most."""
    shown = json.loads(said(capsys, "plan", "suite.yaml", "--limit", "3", "--json"))

    assert [3, 3] == [cell["requests"] for cell in shown["cells"]]
    assert ["open", "closed"] == [bound["model"] for bound in shown["bounds"]]


def test_a_paid_plan_has_a_bound(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-5.2 at $14 a million output tokens: 30 calls x 64 tokens are at least $0.0268."""
    shown = json.loads(said(capsys, "plan", "suite.yaml", "--model", "openai:gpt-5.2", "--json"))

    assert 30 * 64 * 14 / 1e6 <= float(shown["bounds"][0]["usd_max"]) < 0.05


BAD = [
    (["run"], "no suite; give a file"),
    (["run", "none.yaml"], "none.yaml: no such file"),
    (["run", "suite.yaml", "--model", "nobody"], "--model 'nobody' is not in suite.yaml; it has: open, closed"),
    (["run", "suite.yaml", "--model", "nobody:x"], "no runner 'nobody' is installed"),
    (["run", "suite.yaml", "--task", "sum"], "--task 'sum' is not in suite.yaml; did you mean 'sums'?"),
    (["run", "suite.yaml", "--limit", "0"], "--limit"),
    (["run", "suite.yaml", "--yes", "--out", "q.jsonl"], "cannot write results to q.jsonl/"),
    (["run", "suite.yaml", "--model", "openai:gpt-5.2", "--yes"], "OPENAI_API_KEY is not set; export it"),
    (["run", "--resume", "nothing"], "no run 'nothing' in results"),
    (["report", "nothing"], "no run folder"),
    (["gap"], "there is no run in results/"),
    (["cost", "nothing"], "no run folder"),
    (["validate", "none.yaml"], "none.yaml: no such file"),
    (["init", "suite.yaml"], "suite.yaml exists"),
    (["init", "new.yaml", "--from", "none.jsonl"], "none.jsonl: cannot be read"),
    (["rum"], "no command 'rum'; did you mean 'run'?"),
    (["list", "colours"], "colours"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), BAD)
def test_bad_input_is_one_line_and_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    """No traceback, nothing lost."""
    assert line in said(capsys, *arguments, code=2)


BAD_SUITES = [
    ("runner: sim", "runner: smi", "model 'open': no runner 'smi' is installed; there are: anthropic"),
    ("scorer: numeric", "scorer: numbers", "no scorer 'numbers'"),
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
    output = said(capsys, command, "suite.yaml", code=2)

    assert line in output
    assert "suite.yaml" in output


def test_a_search_sends_private_data_nowhere_either(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells are made as they are tried; the refusal comes before the first."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    search = "loads: [{search: {slo: {ttft_s: 1}, from_rps: 1, to_rps: 2}, duration_s: 1}]\n"
    Path("suite.yaml").write_text(SUITE.replace("name: sums,", "name: sums, data_policy: private,") + search)

    assert "'sums' is `data_policy: private`" in said(
        capsys, "run", "suite.yaml", "--model", "openai:gpt-5.2", "--yes", code=2
    )


def test_a_plan_shows_a_search_and_the_most_it_can_send(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two levels, each tried three times at most, at up to 2 a second for a second: (1 + 1) x 3 tries x 3 requests."""
    search = "loads: [{search: {slo: {ttft_s: 1}, from_rps: 1, to_rps: 2, tolerance: 1}, duration_s: 1}]\n"
    Path("suite.yaml").write_text(SUITE + search)
    plan = json.loads(said(capsys, "plan", "suite.yaml", "--json"))

    assert ["search 1 to 2 rps"] * 2 == [cell["load"] for cell in plan["cells"]]
    assert [18, 18] == [cell["requests"] for cell in plan["cells"]]
    assert [18, 18] == [bound["calls"] for bound in plan["bounds"]]


def test_calibration_wants_rising_levels(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit 2."""
    assert "expected rising numbers" in said(capsys, "calibrate", "--levels", "100,10", code=2)
    assert "expected whole numbers" in said(capsys, "calibrate", "--levels", "many", code=2)


def test_capacity_of_a_run_without_a_search_wants_a_limit(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which option would do; with one it prints the levels."""
    assert "give one, such as --ttft 0.5" in said(capsys, "capacity", str(finished), code=2)
    found = json.loads(said(capsys, "capacity", str(finished), "--ttft", "5", "--json"))

    assert [1.0, 1.0] == [level["attainment"] for level in found["levels"]]


def test_a_changed_suite_cannot_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what changed."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "2"])
    run = next((here / "results").iterdir())
    capsys.readouterr()
    Path("suite.yaml").write_text(SUITE + "seed: 9\n")

    assert "the suite's content changed since it began" in said(
        capsys, "run", "--resume", run.name, "--yes", code=2
    )


def test_an_unknown_price_is_a_warning_and_no_zero(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Null cost, and a word."""
    Path("suite.yaml").write_text(
        SUITE.replace("cost: {input_usd_per_mtok: 5, output_usd_per_mtok: 25}, ", "")
    )
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "4"])
    capsys.readouterr()
    output = said(capsys, "cost")

    assert "cost unknown" in output.replace("\n", " ")


def test_a_dead_endpoint_is_infra_and_exit_1(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are kept, the word says what failed, and no accuracy is made of it."""
    arguments = ["run", "suite.yaml", "--model", "openai:x@http://127.0.0.1:9/v1", "--limit", "2", "--yes"]
    Path("suite.yaml").write_text(SUITE + "retries: {attempts: 2, max_wait_s: 0}\n")
    assert 1 == invoke(arguments)
    output = capsys.readouterr().out
    run = next((here / "results").iterdir())

    assert "x: no request was answered (connect)" in output.replace("\n", " ")
    assert ["infra"] * 4 == list(read_attempts([run])["outcome"])
    assert "connect" in said(capsys, "report", str(run), "--errors")


@pytest.mark.parametrize("kind", ["runners", "tasks", "suites", "models", "scorers"])
def test_lists(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Something of everything, as text and as JSON."""
    text, rows = said(capsys, "list", kind), json.loads(said(capsys, "list", kind, "--json"))

    assert rows
    assert all(name in text for name in rows)


@pytest.mark.parametrize("kind", ["attempts", "payload"])
def test_the_schema_is_told(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every column with its meaning."""
    columns = json.loads(said(capsys, "schema", kind, "--json"))

    assert {"column", "type", "null", "meaning"} == set(columns[0])


def test_the_suites_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """For editors."""
    assert "models" in json.loads(said(capsys, "schema", "suite"))["properties"]


def test_the_doctor_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """No key is set in a test; the sandbox is there."""
    findings = {finding["name"]: finding for finding in json.loads(said(capsys, "doctor", "--json"))}

    assert not findings["OPENAI_API_KEY"]["there"]
    assert "export it" in findings["OPENAI_API_KEY"]["said"]
    assert findings["python"]["there"]


def test_init_writes_a_suite_that_validates(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over built-in tasks, and over the user's own data with the scorer guessed."""
    said(capsys, "init", "built-in.yaml")
    said(capsys, "init", "own.yaml", "--from", "q.jsonl")

    assert "scorer: numeric" in Path("own.yaml").read_text()
    assert "good: 3 models, 1 tasks, 30 samples" in said(capsys, "validate", "own.yaml")
    assert "good: 3 models, 2 tasks" in said(capsys, "validate", "built-in.yaml")
