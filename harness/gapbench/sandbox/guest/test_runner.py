"""Runs hidden tests against a program in another process, and counts the assertions that pass."""

from __future__ import annotations

import ast
import builtins
import contextlib
import signal
from collections.abc import Mapping
from typing import Any

from gapbench.sandbox.guest.rpc import BrokenRpcError, Peer, ProgramExitError, RemoteObject

MODULE_HANDLE = 0  # the program's module is the first object it exports
FAILURE_CHARS = 300


class StopTestsError(BaseException):
    """The first failed assertion ends the tests; not an ``Exception``, so that no test swallows it."""


class TimeLimitError(BaseException):
    """The time is up; assertions counted until then remain."""


def set_alarm(wall_s: float) -> None:
    """End the tests with :class:`TimeLimitError` after ``wall_s``."""

    def ring(number: int, frame: Any) -> None:  # noqa: ARG001 - a signal handler's arguments
        raise TimeLimitError(f"timed out after {wall_s:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, wall_s)


class AssertionCounts:
    """Counts assertions; the rewritten tests report to it."""

    def __init__(self, *, stop_early: bool) -> None:
        self.passed = 0
        self.failed = 0
        self.asserts_in_source = 0
        self.reason = ""
        self.stop_early = stop_early

    def record_pass(self) -> None:
        """Count one assertion that passed."""
        self.passed += 1

    def record_failure(self, source: str, exc: BaseException) -> None:
        """Count one assertion that failed; the first reason is stored."""
        if isinstance(exc, BrokenRpcError):
            raise exc
        self.failed += 1
        if not self.reason:
            shown = (
                "" if isinstance(exc, AssertionError) and not exc.args else f" ({_describe_exception(exc)})"
            )
            self.reason = f"failed: {source}{shown}"[:FAILURE_CHARS]
        if self.stop_early:
            raise StopTestsError


class AssertRewriter(ast.NodeTransformer):
    """Rewrites each ``assert`` so that it is counted.

    Args:
        caught: Name of the exception class that counts as a failed assertion.
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


def evaluate_program(peer: Peer, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of the program behind ``peer``.

    Args:
        peer: Connection to the program, which already runs.
        job: ``programs`` (texts, of which the first that compiles is the program), ``tests`` (Python: either
            statements, or a ``check(candidate)``), ``entry_point``, ``prelude`` (Python that the tests may
            need, or ""), ``partial`` (continue after a failure).

    Returns:
        ``state``: ``passed``, ``failed``, ``syntax`` (no program compiles) or ``unrunnable`` (the tests
        themselves cannot run); ``passed`` and ``total``: assertions; ``reason``: one line.
    """
    tally = AssertionCounts(stop_early=not job["partial"])
    space: dict[str, Any] = {"__name__": "tests"}
    if job["prelude"]:
        with contextlib.suppress(Exception):  # a prompt in prose is not Python
            exec(job["prelude"], space)  # noqa: S102 - the task's own text, in the sandbox
    try:
        tree = ast.parse(job["tests"])
        counting = AssertRewriter("Exception" if job["partial"] else "AssertionError")
        code = compile(counting.visit(tree), "tests", "exec")
        tally.asserts_in_source = counting.count
    except (SyntaxError, ValueError, RecursionError) as exc:
        return _make_result("unrunnable", tally, f"the tests are not Python: {exc}")
    try:
        return _load_and_test(peer, job, tally, space, tree, code)
    except TimeLimitError as exc:
        return _make_result("timeout", tally, str(exc))


def _load_and_test(
    peer: Peer,
    job: Mapping[str, Any],
    tally: AssertionCounts,
    namespace: dict[str, Any],
    tree: ast.AST,
    code: Any,
) -> dict[str, Any]:
    """Load the program, give the tests the names that they use of it, and run them."""
    try:
        peer.send(["load", job["programs"]])
        state, detail = peer.receive()[:2]
        if state != "loaded":
            return _make_result(
                "syntax" if state == "syntax" else "failed", tally, str(detail)[:FAILURE_CHARS]
            )
        candidate = (
            peer.get_attribute(MODULE_HANDLE, job["entry_point"])
            if job["entry_point"]
            else RemoteObject(peer, MODULE_HANDLE)
        )
    except AttributeError:
        return _make_result("failed", tally, f"the program defines no {job['entry_point']!r}")
    except Exception as exc:  # noqa: BLE001 - any exception is a failure of the program
        return _make_result("failed", tally, _describe_exception(exc))
    if not isinstance(candidate, RemoteObject):
        return _make_result("failed", tally, f"{job['entry_point']!r} is not a function")
    for name in undefined_names(tree) - namespace.keys():
        with contextlib.suppress(AttributeError):
            namespace[name] = peer.get_attribute(MODULE_HANDLE, name)
    namespace |= {job["entry_point"] or "candidate": candidate, "candidate": candidate}
    namespace |= {"_bench_pass": tally.record_pass, "_bench_fail": tally.record_failure}
    return run_tests(code, namespace, tally)


def run_tests(code: Any, namespace: dict[str, Any], tally: AssertionCounts) -> dict[str, Any]:
    """Run the compiled tests and their ``check``, if they define it."""
    try:
        exec(code, namespace)  # noqa: S102 - the task's own tests, in the sandbox
        if callable(namespace.get("check")) and not isinstance(namespace["check"], RemoteObject):
            namespace["check"](namespace["candidate"])
    except StopTestsError:
        pass
    except ImportError as exc:
        return _make_result(
            "unrunnable", tally, f"the tests need something that the sandbox does not have: {exc}"
        )
    except TimeLimitError:
        raise
    except BaseException as exc:  # noqa: BLE001 - an exception of the program that no test expected
        tally.failed += 1
        tally.reason = (
            tally.reason or f"raised {_describe_exception(exc)} at line {_test_line(exc)} of the tests"
        )
    if tally.failed:
        return _make_result("failed", tally, tally.reason)
    tally.passed = max(tally.passed, 1)  # tests without any assert pass by ending
    return _make_result("passed", tally, "")


def undefined_names(tree: ast.AST) -> set[str]:
    """Return the names that the tests read and that neither they nor Python define."""
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


def _make_result(state: str, tally: AssertionCounts, reason: str) -> dict[str, Any]:
    reached = tally.passed + tally.failed
    return {
        "state": state,
        "passed": tally.passed,
        "total": reached if state == "passed" else max(reached, tally.asserts_in_source),
        "reason": " ".join(reason.split())[:FAILURE_CHARS],
    }


def _describe_exception(exc: BaseException) -> str:
    if isinstance(exc, (BrokenRpcError, ProgramExitError)):
        return str(exc)
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__


def _test_line(exc: BaseException) -> int | str:
    line: int | str = "?"
    frame = exc.__traceback__
    while frame:
        if frame.tb_frame.f_code.co_filename == "tests":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
