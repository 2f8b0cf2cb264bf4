"""`vllm run-batch` as a batch client: it is started, outlives bench, and is read, cancelled or found gone."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench import credentials
from gapbench.errors import InputError, RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call, Model, Params, Request, Session
from gapbench.values.batches import Batch, BatchReply, BatchRequest
from gapbench_runners.vllm.command import run_batch_command, serve_command
from gapbench_runners.vllm.machine_lock import machine_lock_path
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.batches.batching import to_response
from tests.gapbench_runners.simulated import user

ROOT = Path(__file__).parents[3]
Work = Callable[[VllmRunner, BatchClient], Awaitable[Any]]


pytestmark = pytest.mark.usefixtures("own_machine")


def runner_with(**run_batch: Any) -> VllmRunner:
    return VllmRunner(Model("m", "vllm", "tiny", "open", options={"run_batch": run_batch}))


def at_work(log_dir: Path, work: Work, told: list[str] | None = None, **run_batch: Any) -> Any:
    """Return what some work with an open runner returns."""

    async def main() -> Any:
        runner = runner_with(**run_batch)
        lines: list[str] = [] if told is None else told
        await runner.open(Session(log_dir, notify=lines.append))
        try:
            client = runner.batch_client()
            assert client is not None
            return await work(runner, client)
        finally:
            await runner.close()

    return asyncio.run(main())


def request(runner: VllmRunner, name: str, text: str) -> BatchRequest:
    return BatchRequest(
        name, runner.prepare(Request(runner.model, user(text), Params(max_tokens=8, temperature=0)))
    )


def wait_for_end(folder: Path) -> None:
    """Wait until the supervisor has gone: it holds two locks as long as it lives, and the kernel frees one after the other."""
    for path in (folder / "lock", machine_lock_path()):
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)


async def submit(runner: VllmRunner, client: BatchClient, *texts: str, label: str = "run-1") -> Batch:
    return await client.create([request(runner, f"id-{at}", text) for at, text in enumerate(texts)], label)


async def replies_of(client: BatchClient, batch: Batch) -> list[BatchReply]:
    def unknown(_: str) -> Call | None:
        return None

    return [reply async for reply in client.results(batch, unknown)]


def test_a_file_is_answered_to_its_end(tmp_path: Path, program: str) -> None:
    """Two requests, one of which vLLM refuses."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        created = await submit(runner, client, "hello", "refuse me")
        wait_for_end(tmp_path / "batches" / "run-1")
        ended = await client.read("run-1")
        return (
            created,
            ended,
            await replies_of(client, ended),
            [batch.label async for batch in client.find("run")],
        )

    created, ended, (answered, refused), found = at_work(tmp_path, work, python=program)
    response = to_response(Model("m", "vllm", "tiny", "open"), answered)

    assert (created.label, created.total) == ("run-1", 2)
    assert (ended.state, ended.state_raw, ended.problem) == ("ended", "completed", None)
    assert (response.answer, response.usage.input_tokens, response.finish_reason) == ("said hello", 3, "stop")
    assert refused.failure is not None
    assert (refused.failure.kind, refused.failure.message) == ("bad_request", "400 too long")
    assert float(ended.raw["engine_s"]) > 0
    assert found == ["run-1"]


def test_the_command_is_that_of_vllm(tmp_path: Path, program: str) -> None:
    """Model, GPUs, parser and the user's own arguments."""

    async def work(runner: VllmRunner, client: BatchClient) -> str:
        batch = await submit(runner, client, "hello")
        wait_for_end(tmp_path / "batches" / "run-1")
        return batch.raw["command"]

    command = at_work(tmp_path, work, python=program, gpus=2, args=["--max-model-len", 512])
    folder = tmp_path / "batches" / "run-1"

    assert command == (
        f"{program} -m vllm.entrypoints.cli.main run-batch -i {folder}/requests.jsonl -o {folder}/replies.jsonl "
        "--model tiny --tensor-parallel-size 2 --max-model-len 512"
    )


def test_a_python_in_this_folder_is_not_that_of_the_path(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./python` is the file, for a server as well."""
    monkeypatch.chdir(tmp_path)

    assert program == run_batch_command("m", {"python": "./python"}, "i", "o", None)[0]
    assert program == serve_command("m", {"python": "python"}, 8000, None)[0]


def test_no_key_of_a_vendor_goes_to_vllm(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program logs whether it sees one."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    credentials.read_key("OPENAI_API_KEY")

    async def work(runner: VllmRunner, client: BatchClient) -> None:
        await submit(runner, client, "hello")
        wait_for_end(tmp_path / "batches" / "run-1")

    at_work(tmp_path, work, python=program)

    assert "has a key: False" in (tmp_path / "batches" / "run-1" / "vllm.log").read_text()


OWNER = """\
import asyncio, sys
from pathlib import Path
from gapbench.values import Model, Params, Request, Session
from gapbench.values.batches import BatchRequest
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.simulated import user

async def main():
    settings = {"python": sys.argv[1], "env": {"FAKE_VLLM": sys.argv[3]}}
    runner = VllmRunner(Model("m", "vllm", "tiny", "open", options={"run_batch": settings}))
    await runner.open(Session(Path(sys.argv[2])))
    call = runner.prepare(Request(runner.model, user("hello"), Params()))
    await runner.batch_client().create([BatchRequest("a", call)], "run-1")

asyncio.run(main())
"""


def test_vllm_goes_on_when_bench_has_ended(tmp_path: Path, program: str) -> None:
    """Bench submits and ends; vLLM answers after that, and another bench reads the replies."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", OWNER, program, str(tmp_path), str(pipe)]
    subprocess.run(command, check=True, cwd=ROOT)

    async def work(_: VllmRunner, client: BatchClient) -> Any:
        running = await client.read("run-1")
        pipe.write_text("go")
        wait_for_end(tmp_path / "batches" / "run-1")
        ended = await client.read("run-1")
        return running.state, ended.state_raw, len(await replies_of(client, ended))

    assert at_work(tmp_path, work, python=program) == ("running", "completed", 1)


def test_one_malformed_line_ends_vllm_without_a_reply(tmp_path: Path, program: str) -> None:
    """The batch has failed, with the error of the log; nothing is left to read."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        await submit(runner, client, "hello", "malformed")
        wait_for_end(tmp_path / "batches" / "run-1")
        ended = await client.read("run-1")
        return ended, await replies_of(client, ended)

    ended, replies = at_work(tmp_path, work, python=program)

    assert (ended.state, ended.state_raw, replies) == ("ended", "failed", [])
    assert ended.problem == ("vllm run-batch ended with code 1: pydantic.ValidationError: 1 validation error")


def test_a_cancelled_batch_ends_vllm(tmp_path: Path, program: str) -> None:
    """It was waiting, and wrote nothing."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        await submit(runner, client, "hello")
        asked = await client.cancel("run-1")
        wait_for_end(tmp_path / "batches" / "run-1")
        ended = await client.read("run-1")
        again = await client.cancel("run-1")
        return asked.state_raw, ended.state, ended.state_raw, again.state_raw

    found = at_work(tmp_path, work, python=program, env={"FAKE_VLLM": "wait"})

    assert found[0] in {"cancelling", "cancelled"}
    assert found[1:] == ("ended", "cancelled", "cancelled")


def test_a_vllm_that_was_killed_is_told(tmp_path: Path, program: str) -> None:
    """SIGKILL to its group, as at a restart: no note of the end is left."""

    async def work(runner: VllmRunner, client: BatchClient) -> Batch:
        await submit(runner, client, "hello")
        folder = tmp_path / "batches" / "run-1"
        os.killpg(json.loads((folder / "process.json").read_text())["group"], signal.SIGKILL)
        wait_for_end(folder)
        return await client.read("run-1")

    ended = at_work(tmp_path, work, python=program, env={"FAKE_VLLM": "wait"})

    assert (ended.state, ended.state_raw) == ("ended", "lost")
    assert "vLLM is gone" in ended.problem


def write_replies(batch: Batch, count: int) -> None:
    """Write replies as the user brings them back."""
    line = json.dumps({"custom_id": "id-0", "response": None, "error": "x"}) + "\n"
    Path(batch.raw["replies_file"]).write_text(line * count)


def test_the_file_alone_is_written(tmp_path: Path) -> None:
    """The user is told the command; the batch has ended when every reply is there."""
    told: list[str] = []

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        created = await submit(runner, client, "a", "b")
        write_replies(created, 1)
        half = await client.read("run-1")
        write_replies(created, 2)
        return created, half, await client.read("run-1")

    created, half, ended = at_work(tmp_path, work, told, start=False, folder=str(tmp_path / "files"))
    requests = tmp_path / "files" / "run-1" / "requests.jsonl"

    assert (created.state, half.state, half.state_raw) == (
        "waiting",
        "waiting",
        "1 of 2 replies in replies.jsonl",
    )
    assert (ended.state, ended.state_raw) == ("ended", "completed")
    assert [json.loads(line)["custom_id"] for line in requests.read_text().splitlines()] == ["id-0", "id-1"]
    assert len(told) == 1
    assert f"wrote {requests}; answer it with: " in told[0]
    assert "run-batch -i" in told[0]


def test_a_label_is_used_once(tmp_path: Path) -> None:
    """So a submit that is repeated after a crash cannot start vLLM twice."""

    async def work(runner: VllmRunner, client: BatchClient) -> str:
        await submit(runner, client, "a")
        with pytest.raises(RunnerError, match="is already there; take another label") as caught:
            await submit(runner, client, "a")
        return caught.value.kind

    assert at_work(tmp_path, work, start=False) == "bad_request"


def test_what_a_killed_submit_left_is_not_in_the_way(tmp_path: Path) -> None:
    """A folder with half of the requests and without a description: nothing was started on it."""
    left = tmp_path / "batches" / "run-1"
    left.mkdir(parents=True)
    (left / "requests.jsonl").write_text('{"half":')

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        found = [batch async for batch in client.find("")]
        return found, (await submit(runner, client, "a")).total

    assert at_work(tmp_path, work, start=False) == ([], 1)
    assert len((left / "requests.jsonl").read_text().splitlines()) == 1


def test_a_submit_that_fails_leaves_its_label_free(tmp_path: Path) -> None:
    """A request that the SDK cannot build."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        with pytest.raises(RunnerError):
            await client.create([BatchRequest("a", Call({"model": "m"}, {}))], "run-1")
        return (await submit(runner, client, "a")).total

    assert at_work(tmp_path, work, start=False) == 1


def test_a_program_that_does_not_start(tmp_path: Path) -> None:
    """The submit fails with the reason, and the batch has ended."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        with pytest.raises(RunnerError, match="cannot start vLLM: cannot start '/no/such': No such file"):
            await submit(runner, client, "a")
        return (await client.read("run-1")).state_raw

    assert at_work(tmp_path, work, command=["/no/such"]) == "failed"


@pytest.mark.parametrize("batch_id", ["../run-1", "", "run-2"])
def test_no_other_folder_is_read(tmp_path: Path, batch_id: str) -> None:
    """An id names a folder of batches and nothing else."""

    async def work(_: VllmRunner, client: BatchClient) -> str:
        with pytest.raises(RunnerError) as caught:
            await client.read(batch_id)
        return caught.value.kind

    assert at_work(tmp_path, work, start=False) == "not_found"


def test_such_a_model_answers_only_in_batches(tmp_path: Path) -> None:
    """It has no address, and no worker can reach it."""

    async def work(runner: VllmRunner, _: BatchClient) -> Any:
        with pytest.raises(RunnerError, match="answers only in a batch; add --batch"):
            await anext(runner.stream(runner.prepare(Request(runner.model, user("a"), Params()))))
        return runner.endpoint(), runner.model_for_workers(), runner.metered, await runner.counters()

    assert at_work(tmp_path, work, start=False) == (None, None, False, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"run_batch": {"port": 1}}, "run_batch.port: unknown key; known keys: args, command"),
        ({"run_batch": {"args": "x"}}, "run_batch.args: found 'x'"),
        ({"run_batch": {"start": "no"}}, "run_batch.start: found 'no'"),
        ({"run_batch": {"folder": 1}}, "run_batch.folder: found 1"),
        ({"run_batch": {}, "serve": {}}, "give one of base_url"),
        ({"run_batch": {"args": ["--tool-call-parser", "a"]}, "tool_parser": "b"}, "in run_batch.args"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line(options: dict[str, Any], said: str) -> None:
    """Before anything is started."""
    with pytest.raises(InputError, match=said):
        VllmRunner(Model("m", "vllm", "tiny", "open", options=options))


def test_vllm_must_be_there_unless_it_is_not_started(tmp_path: Path) -> None:
    """A python that does not exist is missing; for a file alone nothing is."""
    missing = runner_with(python=str(tmp_path / "no")).missing_requirement()

    assert missing is not None
    assert "name its python with run_batch.python" in missing
    assert runner_with(start=False).missing_requirement() is None
