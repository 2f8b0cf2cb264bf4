"""The scorer ``code``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits
from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.code_extraction import (
    candidate_programs,
    column_text,
    defines_name,
    extract_program,
    unfinished_function,
)
from gapbench.scoring.sandboxed import find_checked_sandbox, run_and_score
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.values import Sample, Score

TEST_COLUMNS = ("test", "tests", "test_list")
SETUP_COLUMNS = ("test_imports", "test_setup_code")
PROMPT_COLUMNS = ("prompt", "complete_prompt")


@dataclass(frozen=True)
class Code:
    """Accepts Python that passes all of the sample's hidden tests.

    The program is the last fenced block that defines the entry point, else the last Python block, else the
    whole reply. Where ``prompt`` is Python that defines the entry point (HumanEval's form), a reply without
    its own definition is taken as what follows the prompt.

    The value is 1 when all tests hold, else 0, so that a mean of it is pass@1; the share of tests that hold
    is kept apart, as the score's ``partial``. HumanEval's and MBPP's files are taken as they are.

    Attributes:
        timeout_s: Wall-clock seconds for the program and its tests.
        memory_bytes: Address space of each of its processes.
        entry_point: Column with the name of the function. A sample without it: the tests name it.
        test: Column with the tests: Python text with asserts or a ``check(candidate)``, or a list of lines.
            A sample without it: ``test``, ``tests`` or ``test_list`` (with ``test_imports`` and
            ``test_setup_code`` before it), else the target.
        prompt: Column with the prompt's own Python, for tests and programs that rely on it.
        suffix: Column with the Python that follows the function to complete.
        partial: The value is the share of assertions that hold; otherwise all or nothing.
        sandbox: ``auto``, ``unshare``, ``bubblewrap``, ``docker`` or ``podman``; "": what BENCH_SANDBOX
            names, else ``auto``.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    entry_point: str = "entry_point"
    test: str = "test"
    prompt: str = "prompt"
    suffix: str = "suffix"
    partial: bool = False
    sandbox: str = ""
    is_slow: ClassVar[bool] = True
    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before anything is paid for."""
        box = find_checked_sandbox("code", self.timeout_s, self.memory_bytes, self.sandbox)
        object.__setattr__(self, "box", box)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no tests."""
        return None if self._tests(sample).strip() else f"the sample has no tests in column {self.test!r}"

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share of assertions; the answer is the program."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        tests = self._tests(sample)
        if not reply.strip():
            return EMPTY_REPLY
        entry_point = column_text(sample.columns.get(self.entry_point)).strip()
        prelude = self._prelude(sample.columns, entry_point)
        suffix = column_text(sample.columns.get(self.suffix))
        if not suffix and isinstance(sample.columns.get(self.suffix), str):
            suffix = "\n"  # the function to complete is the last of its file
        wanted = unfinished_function(prelude, entry_point)[0] if suffix else entry_point
        code, is_fenced = extract_program(reply_tail(reply), wanted)
        job = SandboxJob(
            candidate_programs(code, prelude, entry_point, suffix),
            tests,
            entry_point,
            "" if suffix else prelude,
            partial=True,
        )
        limits = SandboxLimits(self.timeout_s, cpu_s=int(self.timeout_s) + 1, memory_bytes=self.memory_bytes)
        return run_and_score(
            self.box,
            job,
            limits,
            code,
            test_noun="assertions",
            is_fenced=is_fenced,
            partial_credit=self.partial,
        )

    def _tests(self, sample: Sample) -> str:
        columns = sample.columns
        for name in dict.fromkeys((self.test, *TEST_COLUMNS)):
            tests = column_text(columns.get(name))
            if tests:
                before = [column_text(columns.get(setup)) for setup in SETUP_COLUMNS]
                return "\n".join(part for part in (*before, tests) if part)
        return column_text(sample.target)

    def _prelude(self, columns: Mapping[str, Any], entry_point: str) -> str:
        for name in dict.fromkeys((self.prompt, *PROMPT_COLUMNS)):
            prelude = column_text(columns.get(name))
            if defines_name(prelude, entry_point) or (prelude and isinstance(columns.get(self.suffix), str)):
                return prelude
        return ""
