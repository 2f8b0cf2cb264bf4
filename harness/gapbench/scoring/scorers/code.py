"""The scorer ``code``: Python that passes hidden tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.sandbox import SandboxJob
from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.code_extraction import (
    candidate_programs,
    code_in_prose,
    column_text,
    defines_name,
    extract_program,
    unfinished_function,
)
from gapbench.scoring.sandboxed import FoundProgram, SandboxedScorer
from gapbench.values import Sample

TEST_COLUMNS = ("test", "tests", "test_list")
SETUP_COLUMNS = ("test_imports", "test_setup_code")
PROMPT_COLUMNS = ("prompt", "complete_prompt")


@dataclass(frozen=True)
class Code(SandboxedScorer):
    """Accepts Python that passes all of the sample's hidden tests.

    The program is the last complete block of code that defines the entry point, together with the blocks that
    define what it uses (imports, helpers, constants); else the last Python block, else the code in a reply
    without blocks. Fences may be indented, behind text, unclosed, of any length or in HTML. If ``prompt`` is Python that defines the entry point (as in HumanEval), a reply without
    its own definition is taken as the continuation of the prompt.

    The value is 1 if all tests pass, else 0, so that its mean is pass@1. The share of tests that pass is
    stored separately, as the score's ``partial``. The files of HumanEval and MBPP work unchanged.

    Attributes:
        entry_point: Column with the name of the function. In samples without it, the tests name the function.
        test: Column with the tests: Python text with asserts or a ``check(candidate)``, or a list of lines.
            Samples without it may have ``test``, ``tests`` or ``test_list`` (after ``test_imports`` and
            ``test_setup_code``), else the target is the tests.
        prompt: Column with the prompt's own Python, for tests and programs that rely on it.
        suffix: Column with the Python that follows the function to complete.
    """

    name: ClassVar[str] = "code"
    description: ClassVar[str] = "Python run against the sample's hidden tests in a sandbox"

    entry_point: str = "entry_point"
    test: str = "test"
    prompt: str = "prompt"
    suffix: str = "suffix"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no tests, or None."""
        return None if self._tests(sample).strip() else f"the sample has no tests in column {self.test!r}"

    def find_program(self, reply: str, sample: Sample) -> FoundProgram:
        """Return the program, in each of the forms that the reply may mean, with the sample's tests."""
        tests = self._tests(sample)
        entry_point = column_text(sample.columns.get(self.entry_point)).strip()
        prelude = self._prelude(sample.columns, entry_point)
        suffix = column_text(sample.columns.get(self.suffix))
        if not suffix and isinstance(sample.columns.get(self.suffix), str):
            suffix = "\n"  # the function to complete is the last in its file
        wanted = unfinished_function(prelude, entry_point)[0] if suffix else entry_point
        code, is_fenced = extract_program(reply_tail(reply), wanted, tests)
        programs = candidate_programs(code, prelude, entry_point, suffix)
        if not is_fenced:
            for part in code_in_prose(code):
                programs += candidate_programs(part, prelude, entry_point, suffix)
        job = SandboxJob(
            programs,
            tests,
            entry_point,
            "" if suffix else prelude,
            partial=True,
        )
        return FoundProgram(job, code, is_fenced)

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
