"""Runs hidden tests against a program on the other side of a bridge, and counts what passed."""

from __future__ import annotations

import ast
import builtins
import contextlib
import signal
from collections.abc import Mapping
from typing import Any

from gapbench.sandbox.guest.rpc import BrokenBridgeError, Peer, ProgramExitError, Remote

MODULE_HANDLE = 0  # the program's module is the first object it exports
FAILURE_CHARS = 300


class StopTestsError(BaseException):
    """The first failed assertion ends the tests; not an ``Exception``, so that no test swallows it."""


class TimeIsUpError(BaseException):
    """The clock ran out; what was counted until then stands."""


def set_alarm(wall_s: float) -> None:
    """End the tests with :class:`TimeIsUpError` after ``wall_s``."""

    def ring(number: int, frame: Any) -> None:  # noqa: ARG001 - a signal handler's arguments
        raise TimeIsUpError(f"not done after {wall_s:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, wall_s)


class Tally:
    """What the rewritten assertions report to."""

    def __init__(self, *, stop_early: bool) -> None:
        self.passed = 0
        self.failed = 0
        self.spelled_out = 0
        self.reason = ""
        self.stop_early = stop_early

    def note_pass(self) -> None:
        """Count one assertion that held."""
        self.passed += 1

    def note_fail(self, source: str, exc: BaseException) -> None:
        """Count one that did not; the first reason is kept."""
        if isinstance(exc, BrokenBridgeError):
            raise exc
        self.failed += 1
        if not self.reason:
            shown = "" if isinstance(exc, AssertionError) and not exc.args else f" ({_named(exc)})"
            self.reason = f"failed: {source}{shown}"[:FAILURE_CHARS]
        if self.stop_early:
            raise StopTestsError


class CountAsserts(ast.NodeTransformer):
    """Rewrites each ``assert`` so that it is counted.

    Args:
        caught: Name of the exception class that an assertion may fail with and be only counted.
    """

    def __init__(self, caught: str) -> None:
        self.caught = caught
        self.count = 0

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Return ``try: <assert> … except <caught>: …``."""
        self.count += 1
        frame = ast.parse(
            f"try:\n pass\nexcept {self.caught} as _bench_exc:\n _bench_fail(_bench_source, _bench_exc)\nelse:\n _bench_pass()"
        ).body[0]
        assert isinstance(frame, ast.Try)
        frame.body = [node]
        call = frame.handlers[0].body[0]
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        call.value.args[0] = ast.Constant(ast.unparse(node)[:160])
        return ast.fix_missing_locations(ast.copy_location(frame, node))


def judge(peer: Peer, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdict on the program behind ``peer``.

    Args:
        peer: The bridge; the program is already running behind it.
        job: ``programs`` (texts, of which the first that compiles is the program), ``tests`` (Python: either
            statements, or a ``check(candidate)``), ``entry_point``, ``prelude`` (Python that the tests may
            need, or ""), ``partial`` (run on after a failure).

    Returns:
        ``state``: ``passed``, ``failed``, ``syntax`` (no program compiles) or ``unrunnable`` (the tests
        themselves cannot run); ``passed`` and ``total``: assertions; ``reason``: one line.
    """
    tally = Tally(stop_early=not job["partial"])
    space: dict[str, Any] = {"__name__": "tests"}
    if job["prelude"]:
        with contextlib.suppress(Exception):  # a prompt in plain words is no Python
            exec(job["prelude"], space)  # noqa: S102 - the task's own text, in the sandbox
    try:
        tree = ast.parse(job["tests"])
        counting = CountAsserts("Exception" if job["partial"] else "AssertionError")
        code = compile(counting.visit(tree), "tests", "exec")
        tally.spelled_out = counting.count
    except (SyntaxError, ValueError, RecursionError) as exc:
        return _verdict("unrunnable", tally, f"the tests are no Python: {exc}")
    try:
        return _meet(peer, job, tally, space, tree, code)
    except TimeIsUpError as exc:
        return _verdict("timeout", tally, str(exc))


def _meet(
    peer: Peer, job: Mapping[str, Any], tally: Tally, space: dict[str, Any], tree: ast.AST, code: Any
) -> dict[str, Any]:
    """Have the program loaded, give the tests what they name of it, and run them."""
    try:
        peer.send(["load", job["programs"]])
        state, detail = peer.receive()[:2]
        if state != "loaded":
            return _verdict("syntax" if state == "syntax" else "failed", tally, str(detail)[:FAILURE_CHARS])
        candidate = (
            peer.get(MODULE_HANDLE, job["entry_point"]) if job["entry_point"] else Remote(peer, MODULE_HANDLE)
        )
    except AttributeError:
        return _verdict("failed", tally, f"the program defines no {job['entry_point']!r}")
    except Exception as exc:  # noqa: BLE001 - whatever a program does, it fails by it
        return _verdict("failed", tally, _named(exc))
    if not isinstance(candidate, Remote):
        return _verdict("failed", tally, f"{job['entry_point']!r} is not a function")
    for name in free_names(tree) - space.keys():
        with contextlib.suppress(AttributeError):
            space[name] = peer.get(MODULE_HANDLE, name)
    space |= {job["entry_point"] or "candidate": candidate, "candidate": candidate}
    space |= {"_bench_pass": tally.note_pass, "_bench_fail": tally.note_fail}
    return run_tests(code, space, tally)


def run_tests(code: Any, space: dict[str, Any], tally: Tally) -> dict[str, Any]:
    """Run the compiled tests and, where they define it, their ``check``."""
    try:
        exec(code, space)  # noqa: S102 - the task's own tests, in the sandbox
        if callable(space.get("check")) and not isinstance(space["check"], Remote):
            space["check"](space["candidate"])
    except StopTestsError:
        pass
    except ImportError as exc:
        return _verdict("unrunnable", tally, f"the tests need what the sandbox lacks: {exc}")
    except TimeIsUpError:
        raise
    except BaseException as exc:  # noqa: BLE001 - an exception of the program that no test expected
        tally.failed += 1
        tally.reason = tally.reason or f"raised {_named(exc)} at line {_line(exc)} of the tests"
    if tally.failed:
        return _verdict("failed", tally, tally.reason)
    tally.passed = max(tally.passed, 1)  # tests without a single assert passed by ending
    return _verdict("passed", tally, "")


def free_names(tree: ast.AST) -> set[str]:
    """Return the names that the tests read and neither they nor Python define."""
    read: set[str] = set()
    bound: set[str] = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return read - bound


def _verdict(state: str, tally: Tally, reason: str) -> dict[str, Any]:
    reached = tally.passed + tally.failed
    return {
        "state": state,
        "passed": tally.passed,
        "total": reached if state == "passed" else max(reached, tally.spelled_out),
        "reason": " ".join(reason.split())[:FAILURE_CHARS],
    }


def _named(exc: BaseException) -> str:
    if isinstance(exc, (BrokenBridgeError, ProgramExitError)):
        return str(exc)
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__


def _line(exc: BaseException) -> int | str:
    line: int | str = "?"
    frame = exc.__traceback__
    while frame:
        if frame.tb_frame.f_code.co_filename == "tests":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
