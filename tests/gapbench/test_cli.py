"""The commands from end to end: a run, its tables, and where things lie."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import threading
from pathlib import Path

import pytest

from gapbench.cli import COMMANDS, bench, invoke
from gapbench.store import read_attempts, read_manifest
from tests.two_models import SUITE, command_output


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
    output = command_output(capsys, name, "--help")

    assert "bench " + name in output
    assert "xample" in output


def test_a_run_prints_its_tables_and_where_things_lie(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Summary, gap with a verdict, cost; simulated on every table; Parquet and page named."""
    output = command_output(capsys, "run", "suite.yaml", "--yes")
    run = next((here / "results").iterdir())

    assert 2 == output.count("SIMULATED")
    assert "attempts-*.parquet" in output
    assert str(run.relative_to(here) / "report.html") in output
    assert 60 == len(read_attempts([run]))
    assert "complete" == read_manifest(run).state
    assert "SIMULATED" in (run / "report.html").read_text().upper()


def test_the_gap_is_what_the_personas_were_set_to(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Skills 0.9 and 0.5 over 30 items: a gap of 40 points lies within the interval."""
    table = json.loads(command_output(capsys, "gap", str(finished), "--json"))
    row = next(row for row in table["rows"] if row["metric"] == "accuracy" and row["category"] == "reasoning")

    assert table["simulated"]
    assert ("closed", "open") == (row["closed"]["model"], row["open"]["model"])
    assert row["ci_low"] <= 40 <= row["ci_high"]


def test_cost_is_priced_on_both_sides(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """API dollars for the closed model, GPU hours for the open one."""
    output = command_output(capsys, "cost", str(finished), "--json")

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
    command_output(capsys, "report", str(finished), *option)

    assert (here / option[1]).stat().st_size > 100


def test_plots_are_written(finished: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each as SVG and PNG."""
    paths = [
        Path(line)
        for line in command_output(capsys, "report", str(finished), "--plots", "plots").splitlines()
    ]

    assert {".svg", ".png"} == {path.suffix for path in paths}
    assert all(path.exists() for path in paths)


def test_results_are_found_by_run_id(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the newest is taken when none is named."""
    monkeypatch.chdir(finished.parents[1])

    assert command_output(capsys, "gap", finished.name, "--json") == command_output(capsys, "gap", "--json")


def test_a_server_that_never_answered_costs_its_model_and_no_wait(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Address and reason at once, no row, and the other model is asked all the same."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{bound.getsockname()[1]}"
        model = f"- {{id: open, runner: vllm, weights: open, base_url: 'http://{place}/v1'}}"
        Path("suite.yaml").write_text(re.sub(r"- \{id: open.*", model, SUITE))
        output = command_output(capsys, "run", "suite.yaml", "--yes", code=1)
    attempts = read_attempts([next((here / "results").iterdir())])

    assert f"open: {place} cannot be reached: Connection refused (ECONNREFUSED)" in output
    assert {"closed": 30} == dict(attempts["model_id"].value_counts())


def test_validate_names_the_first_sample_that_no_reply_could_score(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File, line, key, row and id; a run says so too, and goes on with the others."""
    rows = [{"id": f"q{n}", "question": "?", "answer": n if n < 2 else "many"} for n in range(4)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = (
        "suite.yaml:6: tasks[0].scorer: scorer 'numeric' cannot score 2 of 4 samples; "
        "the first is 'q2', row 3 of q.jsonl: target 'many' is not a number"
    )

    assert wanted in command_output(capsys, "validate", "suite.yaml", code=2)
    assert f"Note: {wanted}\n" in command_output(capsys, "run", "suite.yaml", "--yes")


def test_a_run_of_a_task_that_cannot_be_scored_at_all_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every answer would be paid for and left unscored."""
    Path("suite.yaml").write_text(SUITE.replace("scorer: numeric", "scorer: sql"))

    assert "cannot score 30 of 30 samples" in command_output(capsys, "run", "suite.yaml", "--yes", code=2)
    assert not (here / "results").exists()


def test_answers_that_could_not_be_judged_are_in_the_headline(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An accuracy of 0 is then one of the form, and `bench try` shows which; the report counts them for each model."""
    Path("suite.yaml").write_text(SUITE.replace("scorer: numeric", "scorer: {name: regex, pattern: zzz}"))
    output = " ".join(command_output(capsys, "run", "suite.yaml", "--yes").split())

    assert "60 unparsed of 60 answers Next bench try suite.yaml" in output
    report = " ".join(command_output(capsys, "report").split())
    assert "30 of 30 answers of open to sums could not be judged (unparsed or unscored)" in report
    assert "`bench try suite.yaml --task sums --model open`" in report


def test_a_folder_of_runs_stands_for_all_of_them(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 36: Python read a results folder, and the command line refused it."""
    monkeypatch.chdir(finished.parents[1])

    for command in ("gap", "cost", "report"):
        of_run = command_output(capsys, command, str(finished), "--json")
        assert of_run == command_output(capsys, command, "results", "--json"), command


def test_an_unknown_price_is_a_warning_and_no_zero(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Null cost, and a word."""
    Path("suite.yaml").write_text(
        SUITE.replace("cost: {input_usd_per_mtok: 5, output_usd_per_mtok: 25}, ", "")
    )
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "4"])
    capsys.readouterr()
    output = command_output(capsys, "cost")

    assert "cost unknown" in output.replace("\n", " ")


def test_an_endpoint_that_answers_nothing_is_infra_and_exit_1(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows are kept, the word says what failed, and no accuracy is made of it."""
    Path("suite.yaml").write_text(SUITE + "retries: {attempts: 2, max_wait_s: 0}\n")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        model = f"openai:x@http://127.0.0.1:{server.server_address[1]}/v1"
        assert 1 == invoke(["run", "suite.yaml", "--model", model, "--limit", "2", "--yes"])
        server.shutdown()
    output = capsys.readouterr().out
    run = next((here / "results").iterdir())

    assert "x: no request was answered (cut_stream: " in output.replace("\n", " ")
    assert ["infra"] * 4 == list(read_attempts([run])["outcome"])
    assert "cut_stream" in command_output(capsys, "report", str(run), "--errors")


@pytest.mark.parametrize("kind", ["runners", "tasks", "suites", "models", "scorers"])
def test_lists(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Something of everything, as text and as JSON."""
    text, rows = (
        command_output(capsys, "list", kind),
        json.loads(command_output(capsys, "list", kind, "--json")),
    )

    assert rows
    assert all(name in text for name in rows)


@pytest.mark.parametrize("kind", ["attempts", "payload"])
def test_the_schema_is_told(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every column with its meaning."""
    columns = json.loads(command_output(capsys, "schema", kind, "--json"))

    assert {"column", "type", "null", "meaning"} == set(columns[0])


def test_the_suites_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """For editors."""
    assert "models" in json.loads(command_output(capsys, "schema", "suite"))["properties"]


def test_the_doctor_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """No key is set in a test; the sandbox is there."""
    findings = {
        finding["name"]: finding for finding in json.loads(command_output(capsys, "doctor", "--json"))
    }

    assert not findings["OPENAI_API_KEY"]["there"]
    assert "export it" in findings["OPENAI_API_KEY"]["said"]
    assert findings["python"]["there"]


def test_init_writes_a_suite_that_validates(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over built-in tasks, and over the user's own data with the scorer guessed."""
    command_output(capsys, "init", "built-in.yaml")
    command_output(capsys, "init", "own.yaml", "--from", "q.jsonl")

    assert "scorer: numeric" in Path("own.yaml").read_text()
    assert "valid: 3 models, 1 task, 30 samples" in command_output(capsys, "validate", "own.yaml")
    assert "valid: 3 models, 2 tasks" in command_output(capsys, "validate", "built-in.yaml")


@pytest.mark.parametrize("group", ["baseline", "batch", "emit", "evidence", "prices", "runs", "traffic"])
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_help_of_a_group_has_whole_sentences(
    group: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any width, no description of a command is cut."""
    monkeypatch.setenv("COLUMNS", str(columns))
    listed = command_output(capsys, group, "--help").split("Commands:\n")[1].split("\n\n")[0]

    assert "..." not in listed
    assert listed.endswith(".")


@pytest.mark.parametrize("group", ["runs", "prices"])
def test_a_group_without_a_command_prints_its_help_alone(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No hint at the help that is already there."""
    assert 2 == invoke([group])
    said = capsys.readouterr().err

    assert said.startswith(f"Usage: bench {group}")
    assert "(see `" not in said


def test_an_exit_for_another_reason_than_a_closed_pipe_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code of others may end Python with a code of its own, which must not become success."""

    def end(**_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(bench, "main", end)

    with pytest.raises(SystemExit, match="3"):
        invoke(["schema"])
