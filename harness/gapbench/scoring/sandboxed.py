"""What the scorers that run code share: their limits, their sandbox, and the score of a verdict."""

from __future__ import annotations

from gapbench.errors import InputError
from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits, SandboxResult
from gapbench.scoring.answer_extraction import shorten
from gapbench.values import Score

MAX_ANSWER_CHARS = 4000
MIN_MEMORY_BYTES = 64 * 2**20


def find_checked_sandbox(scorer: str, timeout_s: float, memory_bytes: int, sandbox: str) -> Sandbox:
    """Check the options that all of them have and return a sandbox, before anything is paid for.

    Raises:
        InputError: An option cannot be.
        SetupError: This machine has no such sandbox.
    """
    if not 0 < timeout_s <= 600:
        raise InputError(f"scorer {scorer!r}: timeout_s is {timeout_s!r}; it takes more than 0, at most 600")
    if memory_bytes < MIN_MEMORY_BYTES:
        raise InputError(
            f"scorer {scorer!r}: memory_bytes is {memory_bytes!r}; Python needs {MIN_MEMORY_BYTES}"
        )
    return Sandbox.find(sandbox)


def run_and_score(
    sandbox: Sandbox,
    job: SandboxJob,
    limits: SandboxLimits,
    answer: str,
    *,
    test_noun: str,
    is_fenced: bool,
    partial_credit: bool,
) -> Score:
    """Run a job and return its score.

    Args:
        sandbox: Where to run it.
        job: Program and tests.
        limits: What it may use.
        answer: The program as the reader is shown it.
        test_noun: Name of one test, such as ``assertions``.
        is_fenced: Whether the reply set the program apart; prose that does not compile is ``unparsed``.
        partial_credit: The value is the share of tests that hold; otherwise 1 or 0.
    """
    try:
        verdict = sandbox.run(job, limits)
    except OSError as exc:  # no more processes or descriptors on this machine
        return Score(None, "unscored", reason=f"the sandbox did not start: {shorten(str(exc))}")
    answer, level = answer[:MAX_ANSWER_CHARS], sandbox.level
    if verdict.state == "unrunnable":
        return Score(None, "unscored", answer, verdict.reason, level)
    if verdict.state == "passed":
        return Score(1.0, "correct", answer, f"all {verdict.total} {test_noun} hold", level, 1.0)
    if verdict.state == "syntax" and not is_fenced:
        return Score(0.0, "unparsed", None, f"holds no Python: {verdict.reason}", level, 0.0)
    share = _passed_share(verdict)
    reason = verdict.reason or verdict.state
    if verdict.passed:
        reason = f"{verdict.passed} of {verdict.total} {test_noun} hold; {reason}"
    return Score(share if partial_credit else 0.0, "wrong", answer, reason, level, share)


def _passed_share(verdict: SandboxResult) -> float:
    """Return the share of tests that held, below 1 for a program that did not pass."""
    return min(verdict.passed / verdict.total, 0.999_999) if verdict.total else 0.0
