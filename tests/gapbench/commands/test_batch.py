"""`bench run --batch` and `bench batch`, from submit to gap table, with a simulated vendor over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts, runs_in
from gapbench_runners.sim_server.answer_book import make_answer_book
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.sim_server.sim_model import SimModel
from gapbench_runners.sim_server.state import Simulation
from tests.batch_sim import SimThread
from tests.two_models import command_output

SUITE = """\
name: mine
models:
  - {{id: gpt, runner: openai, weights: closed, base_url: "{url}/v1", batch: true, cost: {{input_usd_per_mtok: 1000,
     output_usd_per_mtok: 4000, batch: {{input_usd_per_mtok: 500, output_usd_per_mtok: 2000}}}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: 64}}
{more}"""


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Serve a vendor whose batches end at the second look, and write a suite for it into the working folder."""
    from gapbench.execution.setup import Selection, build_run_setup

    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(4)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_suite("http://127.0.0.1:9")
    truths = list(build_run_setup(Selection("suite.yaml")).plan.truths())
    persona = {"skill": 1, "ttft_s": 0, "gap_s": 0, "batches": {"polls": 2}}
    simulation = Simulation({"": SimModel(Persona.from_mapping(persona), make_answer_book(truths))}, None)
    thread = SimThread()
    write_suite(thread.serve(simulation))
    yield simulation
    thread.close()


def write_suite(url: str, more: str = "") -> None:
    Path("suite.yaml").write_text(SUITE.format(url=url, more=more))


def test_submit_come_back_and_fetch(vendor: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    """Submitted in one process, looked at in a second, read in a third: one batch, four rows, the vendor's dollars."""
    out = command_output(capsys, "run", "suite.yaml", "--submit-only", "--yes", "--no-preflight")
    assert "1 batch is out with 4 requests, at most $" in out
    (folder,) = runs_in(Path("results"))
    assert f"bench batch fetch {folder.name}" in out

    status = json.loads(command_output(capsys, "batch", "status", folder.name, "--json"))
    (row,) = status["batches"]
    assert (True, 4, "in_progress", 0) == (row["is_out"], row["total"], row["state"], row["succeeded"])
    assert row["age_s"] >= 0
    assert row["expires_in_s"] > 0
    assert float(row["usd_max"]) > 0

    fetched = command_output(capsys, "batch", "fetch", folder.name)
    assert "gpt" in fetched
    rows = read_attempts([folder])
    assert [("correct", "batch")] * 4 == list(zip(rows["outcome"], rows["transport"], strict=True))
    assert 1 == len(vendor.batches.charges())

    again = command_output(capsys, "batch", "status", folder.name, "--offline")
    assert "No batch is out" in again


def test_a_cancelled_batch_is_given_up_only_as_far_as_the_user_says(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cancelled at the first of two looks: two of four are answered, and --resume submits the other two anew."""
    command_output(capsys, "run", "suite.yaml", "--submit-only", "--yes", "--no-preflight")
    (folder,) = runs_in(Path("results"))
    assert "batch_sim000001: cancelling" in command_output(capsys, "batch", "cancel", folder.name)
    said = command_output(capsys, "batch", "fetch", folder.name, code=1)
    assert "2 requests of batched models not sent" in said

    command_output(capsys, "run", "--resume", folder.name, "--submit-only", "--yes", "--no-preflight")
    assert [4, 2] == [charge.requests for charge in vendor.batches.charges()]


def test_a_batch_of_a_model_that_the_suite_lost_is_not_said_to_be_cancelled(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked of the vendor, one line says so, and the exit code is 1."""
    command_output(capsys, "run", "suite.yaml", "--submit-only", "--yes", "--no-preflight")
    (folder,) = runs_in(Path("results"))
    Path("suite.yaml").write_text(Path("suite.yaml").read_text().replace("id: gpt", "id: other"))

    for command, code in (("cancel", 1), ("status", 0)):
        assert code == invoke(["batch", command, folder.name])
        said = capsys.readouterr().err
        assert 1 == len(said.splitlines())
        assert "gpt: not" in said
        assert "suite.yaml does not have this model any more; put it back" in said
    assert not vendor.batches.batches("batch_sim")[0].reached


def test_a_resumed_run_says_what_is_in_batches(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    command_output(capsys, "run", "suite.yaml", "--submit-only", "--yes", "--no-preflight")
    (folder,) = runs_in(Path("results"))
    said = command_output(capsys, "run", "--resume", folder.name, "--submit-only", "--yes", "--no-preflight")

    assert "0 of 4 requests are left, 0 are finished, 4 are in batches that are out" in said
    assert 1 == len(vendor.batches.charges())


def test_hours_of_batches_are_unknown(vendor: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    """They take up to a day, whatever a live reply takes."""
    (shard,) = json.loads(
        command_output(capsys, "plan", "suite.yaml", "--shards", "--latency", "2", "--json")
    )["shards"]
    assert (None, "unknown: batches take up to a day") == (shard["hours"], shard["hours_source"])

    said = command_output(capsys, "plan", "suite.yaml", "--latency", "2")
    assert "Hours are unknown, because batches take up to a day." in said


def test_a_bound_below_a_cent_is_shown(vendor: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    """$0.00 would be no bound."""
    text = re.sub(r"(\d)000\b", r"\1", Path("suite.yaml").read_text()).replace("500", "0.5")
    Path("suite.yaml").write_text(text)

    (bound,) = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))["bounds"]
    usd = f"{float(bound['usd_max']):.4f}"
    assert 0 < float(usd) < 0.005
    assert f"at most ${usd}" in command_output(capsys, "plan", "suite.yaml")
    assert f", ${usd}\n" in command_output(capsys, "plan", "suite.yaml", "--shards")


def test_a_suite_that_changed_while_batches_are_out_is_refused(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    command_output(capsys, "run", "suite.yaml", "--submit-only", "--yes", "--no-preflight")
    (folder,) = runs_in(Path("results"))
    Path("suite.yaml").write_text(Path("suite.yaml").read_text().replace("batch: true, ", ""))

    said = command_output(
        capsys, "run", "--resume", folder.name, "--yes", "--no-preflight", "--accept-changes", code=2
    )
    assert "changed while 1 of its batches are out" in said
    assert 1 == len(vendor.batches.charges())


def test_the_plan_prints_the_price_of_batches(vendor: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    batched = command_output(capsys, "plan", "suite.yaml")
    Path("suite.yaml").write_text(Path("suite.yaml").read_text().replace("batch: true, ", ""))
    live = command_output(capsys, "plan", "suite.yaml")

    def usd(text: str) -> float:
        return float(text.partition("at most $")[2].split()[0])

    assert "gpt: 4 paid calls in batches, at most $" in batched
    assert usd(batched) == pytest.approx(usd(live) / 2, abs=0.006)


@pytest.mark.parametrize(
    ("more", "options", "said"),
    [
        ("loads: [{rate_rps: 5, duration_s: 2}]", [], "load 'r5' of suite.yaml is about times"),
        (
            "loads: [{concurrency: [1, 4], timed: false}]",
            [],
            "paid twice for the 2 loads of suite.yaml (c1, c4)",
        ),
        ("", ["--until-sure"], "--until-sure has nothing to look at"),
    ],
)
def test_what_a_batch_cannot_answer_is_refused_in_one_line(
    vendor: Simulation, capsys: pytest.CaptureFixture[str], more: str, options: list[str], said: str
) -> None:
    write_suite("http://127.0.0.1:9", more)

    assert said in command_output(capsys, "run", "suite.yaml", "--yes", *options, code=2)


def test_batch_without_a_vendor_that_has_batches_is_refused(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model at an address of one's own is not taken for a vendor, unless the suite says so."""
    Path("suite.yaml").write_text(Path("suite.yaml").read_text().replace("batch: true, ", ""))

    said = command_output(capsys, "run", "suite.yaml", "--batch", "--yes", code=2)
    assert "--batch: no model here goes to a vendor with a batch API (gpt)" in said


def test_a_run_without_batches_has_nothing_to_fetch(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("suite.yaml").write_text(Path("suite.yaml").read_text().replace("batch: true, ", ""))
    command_output(capsys, "run", "suite.yaml", "--yes", "--no-preflight", "--quiet")
    (folder,) = runs_in(Path("results"))

    for command in ("status", "fetch", "cancel"):
        assert "has no batches" in command_output(capsys, "batch", command, folder.name, code=2)


def test_a_batch_goes_to_one_address(vendor: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("suite.yaml").read_text()
    Path("suite.yaml").write_text(
        re.sub(r'base_url: "[^"]*"', 'base_url: ["http://127.0.0.1:9/v1", "http://127.0.0.1:8/v1"]', text)
    )

    said = command_output(capsys, "run", "suite.yaml", "--yes", code=2)
    assert "which one address answers, and base_url lists 2; list one" in said


def test_a_model_that_answers_in_batches_alone_needs_no_option(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of run-batch has no live requests; batch: false contradicts it."""
    text = Path("suite.yaml").read_text().partition("models:")[0] + "models:\n"
    model = "  - {id: offline, runner: vllm, model: some/model, weights: open, run_batch: {start: false}%s}\n"
    tasks = "tasks:" + Path("suite.yaml").read_text().partition("tasks:")[2]
    Path("suite.yaml").write_text(text + model % "" + tasks)
    (bound,) = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))["bounds"]
    assert ("offline", True) == (bound["model"], bound["batch"])

    Path("suite.yaml").write_text(text + model % ", batch: false" + tasks)
    assert "answers in batches alone" in command_output(capsys, "plan", "suite.yaml", code=2)


def test_a_shard_is_asked_in_a_batch_and_merged(
    vendor: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submitted, looked at, and run again: the same command reads the batch of the first. 4 requests, paid once."""
    command = ("run", "suite.yaml", "--shard", "0", "--out", "shards", "--yes", "--no-preflight")
    command_output(capsys, *command, "--submit-only")
    command_output(capsys, "batch", "status", str(next(iter(runs_in(Path("shards"))))))
    command_output(capsys, *command)
    assert "nothing to do" in command_output(capsys, *command)
    command_output(capsys, "runs", "merge", "shards")

    assert [4] == [charge.requests for charge in vendor.batches.charges()]
    rows = read_attempts(list(runs_in(Path("results"))))
    assert [("correct", "batch")] * 4 == list(zip(rows["outcome"], rows["transport"], strict=True))


def test_machines_with_nothing_to_send_are_not_waited_for(
    vendor: Simulation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAPBENCH_TOKEN", "t" * 40)
    machines = "listen://127.0.0.1:0?machines=2"
    said = command_output(
        capsys, "run", "suite.yaml", "--yes", "--no-preflight", "--machines", machines, code=2
    )

    assert "--machines: every model is asked in batches, which this machine submits; leave it out" in said
    assert not vendor.batches.charges()
