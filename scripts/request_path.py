#!/usr/bin/env python3
"""Print which of our modules and functions one request passes, from the start of its attempt to its recorded row.

Usage: python scripts/request_path.py [CHECKOUT] [--functions]

Runs a suite of one model and six questions against the simulated server (another process), with one request in flight,
and records every entry into a Python function of our packages. The first request also opens the connection and builds
what is cached; the last one is the steady state. Entries from timers and other tasks that run in between count too; the
functions that wait for the attempt do not. Works on checkouts before and after the move to ``gapbench``, with the
interpreter of their environment. CHECKOUT defaults to this one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SUITE = """\
name: path
models: [{{id: m, runner: openai, model: m, weights: open, base_url: "{url}/v1"}}]
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
loads: [{{concurrency: 1}}]
params: {{max_tokens: 64}}
"""
LAYOUTS = {
    # marker: (source roots, server, command line, what starts an attempt, what records its row)
    "harness/gapbench": (
        ("harness", "runners"), "gapbench_runners.sim_server", "gapbench.cli",
        "gapbench.execution.attempts.request_sender:RequestSender.send",
        "gapbench.execution.recording.recorder:AttemptRecorder.record",
    ),
    "harness/sender.py": (
        (".",), "runners.sim_server", "harness.cli", "harness.sender:Sender.send", "harness.keeping:Keeper.keep",
    ),
}  # fmt: skip


class PathRecorder:
    """Collects (module, function) of our code while one request is under way.

    Args:
        roots: Source roots; only files below them count.
        first: ``module:Class.method`` that starts an attempt.
        last: The same of the method that records its row.
    """

    def __init__(self, roots: list[Path], first: str, last: str) -> None:
        self.requests: list[Counter[tuple[str, str]]] = []
        self._roots = roots
        self._last = tuple(last.split(":"))
        self._current: Counter[tuple[str, str]] = Counter()
        self._callers: set[CodeType] = set()
        self._names: dict[CodeType, tuple[str, str] | None] = {}
        self._profile_from(first)

    def _profile_from(self, first: str) -> None:
        module_name, _, path = first.partition(":")
        class_name, _, method_name = path.partition(".")
        owner = getattr(importlib.import_module(module_name), class_name)
        method = getattr(owner, method_name)

        async def start_profile(*arguments: Any) -> Any:
            self._current = Counter()
            self._callers = _codes_of_callers()
            sys.setprofile(self._profile)
            return await method(*arguments)

        setattr(owner, method_name, start_profile)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return"):
            return
        code = frame.f_code
        if code in self._callers:  # every wake-up of the task passes through them again
            return
        if code not in self._names:
            self._names[code] = self._name_of(code)
        name = self._names[code]
        if name is None:
            return
        if event == "call":
            self._current[name] += 1
        elif name == self._last:
            sys.setprofile(None)
            self.requests.append(self._current)

    def _name_of(self, code: CodeType) -> tuple[str, str] | None:
        path = Path(code.co_filename)
        for root in self._roots:
            if path.is_relative_to(root) and ".venv" not in path.parts:
                module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
                return module, code.co_qualname
        return None


def _codes_of_callers() -> set[CodeType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same call
    codes = set()
    while frame is not None:
        codes.add(frame.f_code)
        frame = frame.f_back
    return codes


def main() -> None:
    """Run one suite and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, nargs="?", default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--functions", action="store_true", help="list the functions of the last request too")
    arguments = parser.parse_args()
    checkout = arguments.checkout.resolve()
    layout = next(found for marker, found in LAYOUTS.items() if (checkout / marker).exists())
    sources, server_module, cli_module, first, last = layout
    roots = [(checkout / source).resolve() for source in sources]
    sys.path[:0] = [str(root) for root in roots]
    os.environ["OPENAI_API_KEY"] = "not-needed"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, url = _start_server(server_module, roots, folder)
        try:
            recorder = PathRecorder(roots, first, last)
            _run_suite(cli_module, folder, url)
        finally:
            server.terminate()
            server.wait()
    for title, passed in (("first request", recorder.requests[0]), ("steady state", recorder.requests[-1])):
        modules = Counter(module for module, _ in passed)
        print(f"{title}: {len(modules)} modules, {len(passed)} functions, {passed.total()} entries")
        for module, functions in sorted(modules.items()):
            print(f"  {module}  ({functions})")
            if arguments.functions:
                for inside, function in sorted(passed):
                    if inside == module:
                        print(f"      {function}")


def _start_server(module: str, roots: list[Path], folder: Path) -> tuple[subprocess.Popen[str], str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(root) for root in roots)}
    server = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=folder,
    )  # fmt: skip
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://[0-9.:]+", line):
            return server, found[0]
    raise SystemExit("the simulated server did not start")


def _run_suite(cli_module: str, folder: Path, url: str) -> None:
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(6)]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "suite.yaml").write_text(SUITE.format(url=url), encoding="utf-8")
    invoke = importlib.import_module(cli_module).invoke
    code = invoke(["run", str(folder / "suite.yaml"), "--out", str(folder / "results"), "--yes", "--quiet"])
    if code:
        raise SystemExit(f"the run ended with code {code}")


if __name__ == "__main__":
    main()
