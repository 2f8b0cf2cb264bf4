"""vLLM's offline run of a file, ``vllm run-batch``, as a batch API on this machine.

A batch is a folder. ``requests.jsonl`` is in OpenAI's form, ``replies.jsonl`` is what vLLM writes. vLLM 0.32 holds all
requests and replies in memory, writes at the end, and ends without a reply if one line is not a request. The program is
not bound to bench: it goes on when bench ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gapbench import credentials, transport
from gapbench.errors import InputError, RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call, Session
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest, BatchState
from gapbench_runners.batches.descriptions import count_or_none, instant_or_none, is_before
from gapbench_runners.batches.names import check_requests, is_label, write_lines
from gapbench_runners.batches.openai_batches import OpenAILines
from gapbench_runners.batches.result_lines import read_result_lines
from gapbench_runners.vllm import batch_supervisor
from gapbench_runners.vllm.command import NOT_INSTALLED, check_keys, environment_of, run_batch_command
from gapbench_runners.vllm.machine_lock import is_locked, is_machine_busy, machine_lock_path

KEYS = {"gpus", "args", "env", "python", "command", "start", "folder"}
DESCRIPTION, REQUESTS, REPLIES, LOG = "batch.json", "requests.jsonl", "replies.jsonl", "vllm.log"
BUSY = "another `vllm run-batch` runs on this machine, and two would share its GPUs"
_PIECE_BYTES = 2**20
_LOG_TAIL_BYTES = 64 * 2**10
_LOG_LINES = 5


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the option ``run_batch``.

    Raises:
        InputError: A key or a value does not fit.
    """
    check_keys("run_batch", settings, KEYS)
    if not isinstance(settings.get("start", True), bool):
        raise InputError(
            f"run_batch.start: found {settings['start']!r}; expected true, or false to only write the file"
        )
    if not isinstance(settings.get("folder", ""), str):
        raise InputError(f"run_batch.folder: found {settings['folder']!r}; expected a path")


def missing_program(settings: Mapping[str, Any]) -> str | None:
    """Return why vLLM cannot be started. None: it can, or is not to be."""
    is_ready = settings.get("start", True) is False or run_batch_command("", settings, "", "", None)
    return None if is_ready else NOT_INSTALLED.format(option="run_batch")


class VllmRunBatches(BatchClient):
    """Batches that ``vllm run-batch`` answers on this machine, or on another to which the user carries the file.

    Args:
        lines: Writes and reads the lines.
        model: What vLLM loads.
        settings: The option ``run_batch``.
        tool_parser: vLLM's parser of tool calls. None: it gets none.
        session: Its folder has the batches, unless the settings name one; it is told the command of a file to carry.
    """

    limits = BatchLimits(requests=50_000, bytes=500_000_000)

    def __init__(
        self,
        lines: OpenAILines,
        model: str,
        settings: Mapping[str, Any],
        tool_parser: str | None,
        session: Session,
    ) -> None:
        self._lines = lines
        self._model = model
        self._settings = settings
        self._tool_parser = tool_parser
        self._notify = session.notify
        self._folder = Path(settings.get("folder") or session.log_dir / "batches").absolute()
        self.runs_here = settings.get("start", True) is not False

    def busy(self) -> str | None:
        """Return whether another batch of vLLM has this machine: two would share its GPUs."""
        return BUSY if self.runs_here and is_machine_busy() else None

    async def size_bytes(self, request: BatchRequest) -> int:
        """Return the length of the request's line."""
        return len(await self._lines.write(request))

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        """Write the file, and start vLLM on it unless the settings say otherwise."""
        check_requests(requests, label, self.limits)
        folder = self._folder / label
        command = run_batch_command(
            self._model, self._settings, str(folder / REQUESTS), str(folder / REPLIES), self._tool_parser
        )
        is_started = self.runs_here
        if is_started and not command:
            raise RunnerError("bad_request", NOT_INSTALLED.format(option="run_batch"))
        if (busy := self.busy()) is not None:
            raise RunnerError("rate_limit", busy)
        shown = shlex.join(
            command or ["vllm", "run-batch", "-i", REQUESTS, "-o", REPLIES, "--model", self._model]
        )
        facts = {
            "label": label,
            "total": len(requests),
            "created_at": datetime.now(UTC).isoformat(),
            "command": shown,
            "is_started": is_started,
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not (folder / DESCRIPTION).is_file():
                # What a submit left behind that was killed: nothing was started.
                shutil.rmtree(folder, ignore_errors=True)
            # Only one batch can have the label: the folder must be new.
            folder.mkdir()
            with (folder / REQUESTS).open("wb") as file:
                await write_lines(self._lines.write, requests, self.limits, file)
            (folder / DESCRIPTION).write_bytes(orjson.dumps(facts))
        except FileExistsError as exc:
            raise RunnerError("bad_request", f"{folder} is already there; take another label") from exc
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            raise RunnerError("server", f"cannot write {folder}: {exc.strerror}") from exc
        except RunnerError:
            # A request is too large or cannot be built: the label stays free.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if is_started:
            await asyncio.to_thread(self._start, folder, command)
        else:
            self._notify(f"{label}: wrote {folder / REQUESTS}; answer it with: {shown}")
        return self._describe(folder)

    def _start(self, folder: Path, command: Sequence[str]) -> None:
        environment = {**credentials.without_vendor_keys(os.environ), **environment_of(self._settings)}
        supervisor = [sys.executable, "-I", "-S", batch_supervisor.__file__, str(folder)]
        supervisor += [str(machine_lock_path()), *command]
        done = subprocess.run(
            supervisor, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode == batch_supervisor.BUSY_CODE:
            # Another bench was faster: nothing was started, and the label stays free.
            shutil.rmtree(folder, ignore_errors=True)
            raise RunnerError("rate_limit", BUSY)
        if done.returncode != 0:
            raise RunnerError("server", f"cannot start vLLM: {_end_of_log(folder) or 'no reason given'}")

    async def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        """Yield the batches in the folder."""
        folders = self._folder.glob(f"{label_prefix}*") if not label_prefix or is_label(label_prefix) else ()
        # A folder without a description is of a submit that did not come to its end: nothing was started.
        found = [self._describe(folder) for folder in folders if (folder / DESCRIPTION).is_file()]
        for batch in sorted(found, key=lambda batch: batch.created_at or datetime.min.replace(tzinfo=UTC))[
            ::-1
        ]:
            if not is_before(batch.created_at, since):
                yield batch

    async def read(self, batch_id: str) -> Batch:
        """Return a batch as it is now."""
        return self._describe(self._folder_of(batch_id))

    async def cancel(self, batch_id: str) -> Batch:
        """End vLLM; it has written nothing by then."""
        folder = self._folder_of(batch_id)
        batch = self._describe(folder)
        if batch.state == "ended":
            return batch
        (folder / "cancelled").touch()
        if is_locked(folder / "lock"):
            process = _read_json(folder / "process.json")
            group = count_or_none(process.get("group"))
            if group:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGTERM)
        return self._describe(folder)

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        """Yield the replies that vLLM wrote; none if it ended before the end."""
        path = self._folder_of(batch.batch_id) / REPLIES
        if path.is_file():
            async for line in read_result_lines(_pieces(path)):
                yield await self._lines.read(line, call_of)

    def _folder_of(self, batch_id: str) -> Path:
        folder = self._folder / batch_id
        if not is_label(batch_id) or not (folder / DESCRIPTION).is_file():
            raise RunnerError("not_found", f"no batch {batch_id[:80]!r} in {self._folder}")
        return folder

    def _describe(self, folder: Path) -> Batch:
        facts, ended = _read_json(folder / DESCRIPTION), _read_json(folder / "ended.json")
        total = count_or_none(facts.get("total"))
        # Only an own process locks the folder, so look at the lock before the note of its end.
        is_running = is_locked(folder / "lock")
        ended = ended or _read_json(folder / "ended.json")
        state, state_raw, problem = _state(folder, facts, ended, total, is_running=is_running)
        raw = {
            "requests_file": str(folder / REQUESTS),
            "replies_file": str(folder / REPLIES),
            "command": str(facts.get("command")),
        }
        engine_s = ended.get("engine_s")
        if isinstance(engine_s, float):
            raw |= {"engine_s": f"{engine_s:.3f}"}
        return Batch(
            batch_id=folder.name,
            state=state,
            state_raw=state_raw,
            label=folder.name,
            created_at=instant_or_none(facts.get("created_at")),
            total=total,
            problem=problem,
            raw=raw,
        )


def _state(
    folder: Path, facts: Mapping[str, Any], ended: Mapping[str, Any], total: int | None, *, is_running: bool
) -> tuple[BatchState, str, str | None]:
    """Return state, vLLM's or our word for it, and what went wrong."""
    is_cancelled = (folder / "cancelled").exists()
    if ended:
        code = ended.get("exit_code")
        if code == 0:
            return "ended", "completed", None
        if is_cancelled:
            return "ended", "cancelled", None
        reason = _end_of_log(folder)
        return "ended", "failed", f"vllm run-batch ended with code {code}: {reason or 'no reason given'}"
    if is_running:
        return "running", "cancelling" if is_cancelled else "in_progress", None
    if is_cancelled:
        return "ended", "cancelled", None
    if facts.get("is_started"):
        return "ended", "lost", "vLLM is gone and wrote no end: the machine was restarted, or it was killed"
    lines = _count_lines(folder / REPLIES)
    if total is not None and lines >= total:
        return "ended", "completed", None
    return "waiting", f"{lines} of {total} replies in {REPLIES}", None


def _read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; {} for none."""
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _count_lines(path: Path) -> int:
    """Return the complete lines of a file; 0 if there is none."""
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_PIECE_BYTES), b""))
    except OSError:
        return 0


def _end_of_log(folder: Path) -> str:
    """Return the last lines of vLLM's log in one line, without keys."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    told = [line.strip() for line in lines if line.strip()]
    # The last error says more than what the interpreter writes as it shuts down.
    errors = [line for line in told if "Error" in line]
    return transport.redact_and_truncate(errors[-1] if errors else " | ".join(told[-_LOG_LINES:]))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
