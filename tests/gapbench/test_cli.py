"""The command line: what is printed, where, and with which exit code."""

from __future__ import annotations

import io
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


def test_a_dry_run_calls_nobody(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan is shown and no folder is made."""
    output = command_output(capsys, "run", "suite.yaml", "--dry-run")

    assert "2 cells, 60 requests" in output
    assert not (here / "results").exists()


def test_the_plan_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells, and what each model can cost at most."""
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--limit", "3", "--json"))

    assert [3, 3] == [cell["requests"] for cell in shown["cells"]]
    assert ["open", "closed"] == [bound["model"] for bound in shown["bounds"]]


def test_a_paid_plan_has_a_bound(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-5.2 at $14 a million output tokens: 30 calls x 64 tokens are at least $0.0268."""
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--model", "openai:gpt-5.2", "--json"))

    assert 30 * 64 * 14 / 1e6 <= float(shown["bounds"][0]["usd_max"]) < 0.05


def test_a_bound_in_dollars_needs_a_price(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls without a price count as nothing, so the bound would never be met."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    line = command_output(
        capsys, "run", "suite.yaml", "--model", "openai:gpt-unheard-of", "--max-usd", "3", "--yes", code=2
    )

    assert "the price of model 'gpt-unheard-of' is unknown" in line
    assert "input_usd_per_mtok" in line
    assert not (here / "results").exists()


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


def test_a_gateway_without_a_key_has_its_bill_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Closed weights at an address of one's own are somebody's API behind it."""
    gateway = "- {id: closed, runner: openai, weights: closed, base_url: 'http://127.0.0.1:1/v1'}"
    Path("suite.yaml").write_text(re.sub(r"- \{id: closed.*", gateway, SUITE))

    assert "the price of model 'closed' is unknown" in command_output(
        capsys, "run", "suite.yaml", "--max-usd", "3", code=2
    )


def test_a_plan_without_a_price_names_no_bound(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not `at most $0.00` of a price that nobody knows; and without a terminal nobody is asked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    assert 2 == invoke(["run", "suite.yaml", "--model", "openai:gpt-unheard-of"])
    output = capsys.readouterr()
    assert "$" not in output.out
    assert "cost bound unknown for gpt-unheard-of" in output.out
    assert "no terminal to ask 'Start the run?'; add --yes" in output.err


@pytest.mark.parametrize("command", ["run", "judge", "arena"])
@pytest.mark.parametrize("amount", ["nan", "inf", "1e999", "0"])
def test_an_amount_is_a_finite_number(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, amount: str
) -> None:
    """No number compares with nan: it would bound nothing."""
    assert "--max-usd" in command_output(capsys, command, "suite.yaml", "--max-usd", amount, code=2)


def test_gpus_of_ones_own_are_not_billed_by_the_call(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the server asks for a key: nobody is asked, and a bound in dollars is none of its."""
    monkeypatch.setenv("OWN_KEY", "sk-test")
    own = (
        "base_url: 'http://127.0.0.1:1/v1', key_env: OWN_KEY, cost: {gpu: H100-80GB, usd_per_gpu_hour: 2.95}"
    )
    model = f"- {{id: open, runner: openai, weights: open, {own}}}"
    Path("suite.yaml").write_text(re.sub(r"- \{id: open.*", model, SUITE))
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))

    assert [False, False] == [bound["metered"] for bound in shown["bounds"]]


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


def test_a_plan_shows_a_search_and_the_most_it_can_send(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two levels, each tried three times at most, at up to 2 a second for a second: (1 + 1) x 3 tries x 3 requests."""
    search = "loads: [{search: {slo: {ttft_s: 1}, from_rps: 1, to_rps: 2, tolerance: 1}, duration_s: 1}]\n"
    Path("suite.yaml").write_text(SUITE + search)
    plan = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))

    assert ["search 1 to 2 rps"] * 2 == [cell["load"] for cell in plan["cells"]]
    assert [18, 18] == [cell["requests"] for cell in plan["cells"]]
    assert [18, 18] == [bound["calls"] for bound in plan["bounds"]]


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


def test_a_folder_of_runs_stands_for_all_of_them(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 36: Python read a results folder, and the command line refused it."""
    monkeypatch.chdir(finished.parents[1])

    for command in ("gap", "cost", "report"):
        of_run = command_output(capsys, command, str(finished), "--json")
        assert of_run == command_output(capsys, command, "results", "--json"), command


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


@pytest.mark.parametrize("group", ["runs", "prices"])
def test_a_group_without_a_command_prints_its_help_alone(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No hint at the help that is already there."""
    assert 2 == invoke([group])
    said = capsys.readouterr().err

    assert said.startswith(f"Usage: bench {group}")
    assert "(see `" not in said


def test_an_empty_results_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not silence."""
    assert 0 == invoke(["runs", "list", "--out", str(tmp_path)])
    assert "no run in" in capsys.readouterr().err
