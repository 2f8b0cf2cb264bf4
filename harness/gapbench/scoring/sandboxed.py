"""What the scorers that run code share: their limits, their sandbox, and the score of a verdict."""

from __future__ import annotations

from gapbench.errors import InputError
from gapbench.sandbox import Job, Limits, Sandbox, Verdict
from gapbench.scoring.answer_extraction import short
from gapbench.values import Score

LONGEST_ANSWER_CHARS = 4000
LEAST_MEMORY_BYTES = 64 * 2**20


def checked_sandbox(scorer: str, timeout_s: float, memory_bytes: int, sandbox: str) -> Sandbox:
    """Check the options that all of them have and return a sandbox, before anything is paid for.

    Raises:
        InputError: An option cannot be.
        SetupError: This machine has no such sandbox.
    """
    if not 0 < timeout_s <= 600:
        raise InputError(f"scorer {scorer!r}: timeout_s is {timeout_s!r}; it takes more than 0, at most 600")
    if memory_bytes < LEAST_MEMORY_BYTES:
        raise InputError(
            f"scorer {scorer!r}: memory_bytes is {memory_bytes!r}; Python needs {LEAST_MEMORY_BYTES}"
        )
    return Sandbox.find(sandbox)


def score_of(
    sandbox: Sandbox, job: Job, limits: Limits, answer: str, *, what: str, is_fenced: bool, credit: bool
) -> Score:
    """Run a job and return its score.

    Args:
        sandbox: Where to run it.
        job: Program and tests.
        limits: What it may use.
        answer: The program as the reader is shown it.
        what: Name of one test, such as ``assertions``.
        is_fenced: Whether the reply set the program apart; prose that does not compile is ``unparsed``.
        credit: The value is the share of tests that hold; otherwise 1 or 0.
    """
    try:
        verdict = sandbox.run(job, limits)
    except OSError as exc:  # no more processes or descriptors on this machine
        return Score(None, "unscored", reason=f"the sandbox did not start: {short(str(exc))}")
    answer, level = answer[:LONGEST_ANSWER_CHARS], sandbox.level
    if verdict.state == "unrunnable":
        return Score(None, "unscored", answer, verdict.reason, level)
    if verdict.state == "passed":
        return Score(1.0, "correct", answer, f"all {verdict.total} {what} hold", level, 1.0)
    if verdict.state == "syntax" and not is_fenced:
        return Score(0.0, "unparsed", None, f"holds no Python: {verdict.reason}", level, 0.0)
    share = _share(verdict)
    reason = verdict.reason or verdict.state
    if verdict.passed:
        reason = f"{verdict.passed} of {verdict.total} {what} hold; {reason}"
    return Score(share if credit else 0.0, "wrong", answer, reason, level, share)


def _share(verdict: Verdict) -> float:
    """Return the share of tests that held, below 1 for a program that did not pass."""
    return min(verdict.passed / verdict.total, 0.999_999) if verdict.total else 0.0
