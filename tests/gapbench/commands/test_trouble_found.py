"""Small things that a user trips over: lists, names of runs, hints, keys that were not tried (findings 17, 19, 24, 25, 36, 41, 45)."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gapbench.cli import invoke
from gapbench.errors import SetupError
from gapbench.execution.key_check import try_key
from gapbench.runner import KeyCheck, load_runner_class, runner_info
from tests.two_models import command_output


@pytest.fixture
def results(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `results` is that of the finished run."""
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    Path("results", finished.name).symlink_to(finished)
    return finished


def test_every_command_takes_the_name_of_a_baseline(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 45: `compare` knew it, `diff` and `report` did not."""
    command_output(capsys, "baseline", "set", results.name, "--name", "night")

    for command in (
        ["report", "night", "--json"],
        ["gap", "night", "--json"],
        ["cost", "night", "--json"],
        ["diff", "night", "night", "--json"],
    ):
        assert json.loads(command_output(capsys, *command))
    assert command_output(capsys, "report", "night", "--json") == command_output(
        capsys, "report", results.name, "--json"
    )


def test_report_takes_a_folder_of_runs(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 36: as the Python API does."""
    assert command_output(capsys, "report", results.name, "--json") == command_output(
        capsys, "report", "results", "--json"
    )


def test_an_unknown_run_names_the_baselines(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says where to look, and what there is."""
    command_output(capsys, "baseline", "set", results.name, "--name", "night")

    assert command_output(capsys, "diff", "nowhere", "night", code=2).strip().endswith("; baselines: night")


def test_both_lists_of_runs_are_alike(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 25: state, second, dollars, seconds and accuracy; no microseconds, and the state once."""
    line = command_output(capsys, "runs", "list")

    assert line == command_output(capsys, "list", "runs")
    for shown in (results.name, "complete", "2 models, 60 requests", "$", " s, ", "open ", "closed ", " %"):
        assert shown in line
    assert 1 == line.count("complete")


def test_the_list_and_the_report_agree(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The accuracies are those of the summary, and the dollars those of the cost table."""
    (listed,) = json.loads(command_output(capsys, "runs", "list", "--json"))
    rows = json.loads(command_output(capsys, "report", "--json"))["rows"]
    costs = json.loads(command_output(capsys, "cost", "--json"))["rows"]

    assert {row["model_id"]: row["accuracy"] for row in rows if row["level"] == "model"} == listed["accuracy"]
    assert sum(row["usd_spent"] for row in costs if row["usd_spent"] is not None) == pytest.approx(
        listed["usd"]
    )


def test_the_list_ends_with_the_newest(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--last 1` of two runs; standard error says that there is another."""
    older = Path("results", "a-copy")
    older.mkdir()
    (older / "run.json").write_text("{}")
    assert 0 == invoke(["runs", "list", "--last", "1"])
    shown = capsys.readouterr()

    assert results.name in shown.out
    assert "a-copy" not in shown.out
    assert "1 older runs; --last 0 lists all" in shown.err


def test_quiet_says_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 25: the folder, and no results."""
    said = " ".join(command_output(capsys, "run", "--help").split())

    assert "No tables and no progress: print only the run's folder and what went wrong." in said


@pytest.mark.parametrize(
    ("name", "words"),
    [("azure", "openai/v1 and key_env: AZURE_OPENAI_API_KEY"), ("bedrock", "bedrock-mantle.REGION.api.aws/v1"), ("vertex", "runner google with a Gemini API key"), ("Azure_OpenAI", "runner openai with base_url"), ("antropic", "did you mean 'anthropic'?")],
)  # fmt: skip
def test_a_runner_of_a_cloud_says_what_works(name: str, words: str) -> None:
    """Finding 19: `runner: azure` was only "not installed"."""
    with pytest.raises(SetupError) as caught:
        load_runner_class(name)

    assert words in str(caught.value)


@contextmanager
def vendor_of_models(status: int, body: str) -> Iterator[tuple[KeyCheck, list[str]]]:
    """A server that answers the list of models with one status; yields how to ask, and the keys that it saw."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield (
            KeyCheck(f"http://127.0.0.1:{server.server_address[1]}/v1/models", "authorization", "Bearer "),
            keys,
        )
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "accepted", "words"),
    [(200, True, "accepted by 127.0.0.1"), (401, False, "refused by 127.0.0.1 (401: no such key)"), (403, False, "refused by"), (400, False, "refused by"), (500, None, "not tried: 127.0.0.1 replied 500")],
)  # fmt: skip
def test_a_key_is_tried(status: int, accepted: bool | None, words: str) -> None:
    """Finding 17: `bench doctor` said that any key works."""
    with vendor_of_models(status, '{"error": {"message": "no such key"}}') as (check, keys):
        reply = try_key(check, "sk-0123456789")

    assert accepted == reply.is_accepted
    assert reply.words.startswith(words)
    assert ["Bearer sk-0123456789"] == keys


def test_a_vendor_out_of_reach_says_nothing_of_the_key() -> None:
    """Nobody listens on port 9 of this machine."""
    reply = try_key(KeyCheck("http://127.0.0.1:9/v1/models", "authorization"), "sk-0123456789")

    assert reply.is_accepted is None
    assert reply.words.startswith("not tried: 127.0.0.1 cannot be reached")


@pytest.mark.parametrize("runner", ["openai", "anthropic", "google"])
def test_each_vendor_has_a_way_to_try_its_key(runner: str) -> None:
    """At the vendor's own address, over TLS."""
    check = runner_info(runner).key_check

    assert check is not None
    assert check.url.startswith("https://")


def test_an_offline_doctor_does_not_claim_that_a_key_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 17: a key that was not tried is "set, not tried"."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
    line = next(
        line
        for line in command_output(capsys, "doctor", "--offline").splitlines()
        if "OPENAI_API_KEY" in line
    )

    assert "set, not tried" in line
    assert "works" not in line


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_sim_leaves_its_port(number: signal.Signals) -> None:
    """Finding 24: the server is the process that was started, so no child lives on."""
    command = [sys.executable, "-m", "gapbench.cli", "sim", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline().rpartition(":")[2])
    process.send_signal(number)
    process.wait()
    process.stdout.close()

    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
