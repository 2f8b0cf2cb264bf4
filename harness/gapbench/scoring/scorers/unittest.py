"""The scorer ``unittest``: Python and its unit tests in one module, as BigCodeBench runs them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.sandbox import SandboxJob
from gapbench.sandbox.packages import find_with_requirements
from gapbench.scoring.code_extraction import column_text
from gapbench.scoring.sandboxed import FoundProgram
from gapbench.scoring.scorers.code import PROMPT_COLUMNS, Code
from gapbench.values import Sample

_RUN_TESTS = '''

def bench_outcomes():
    """Return each unit test and the last line of what went wrong in it, or ""."""
    import unittest
    kinds = [one for one in list(globals().values()) if isinstance(one, type) and issubclass(one, unittest.TestCase)]
    found = []
    for kind in dict.fromkeys(kinds):
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(kind)
        names = [test.id() for test in suite]
        result = unittest.TestResult()
        suite.run(result)
        wrong = {test.id(): text.strip().splitlines()[-1][:200] for test, text in result.failures + result.errors}
        found += [[name, wrong.pop(name, "")] for name in names]
        found += [[name, text] for name, text in wrong.items()]
    return found
'''
_TESTS = """
outcomes = bench_outcomes()
if not outcomes:
    raise AssertionError("no unit test ran")
for name, problem in outcomes:
    assert problem == "", name.rpartition(".")[2] + ": " + problem
"""


@dataclass(frozen=True)
class UnitTests(Code):
    """Accepts Python that passes all of the sample's ``unittest.TestCase`` classes.

    The program is found in the reply as the scorer ``code`` finds it. Its tests use objects and replace parts of the
    program, so both run in one process; a program that sets out to could claim to pass, which it cannot with ``code``. It
    is isolated in the same way.

    Program and tests may import what is installed in this environment, if the tests, the prompt or ``packages`` name it:
    those packages with all that they need, and no others. A sample whose tests or prompt need one that is missing is
    unscored.

    Attributes:
        packages: More modules that a program may import, where they are installed.
    """

    name: ClassVar[str] = "unittest"
    description: ClassVar[str] = (
        "Python run with the sample's unittest classes in a sandbox, with installed packages"
    )
    test_noun: ClassVar[str] = "unit tests"

    total_bytes: ClassVar[int] = 4 * 2**30

    timeout_s: float = 60.0
    memory_bytes: int = 4 * 2**30
    packages: list = field(default_factory=list)  # type: ignore[type-arg] # checked at run time by isinstance

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before any request is paid for.

        Raises:
            InputError: An option is out of range, or a package's name is not one.
            SetupError: No sandbox works on this machine.
        """
        super().__post_init__()
        wrong = [name for name in self.packages if not (isinstance(name, str) and name.isidentifier())]
        if wrong:
            raise InputError(f"scorer {self.name!r}: packages has {wrong[0]!r}; expected what `import` takes")

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no tests, or needs a package that is not installed, or None."""
        missing = [name for name in self._needed(sample) if not _is_installed(name)]
        if missing:
            return f"the tests need the package {missing[0]!r}, which is not installed in this environment"
        return super().unscorable_reason(sample)

    def find_program(self, reply: str, sample: Sample) -> FoundProgram:
        """Return the program, in each of the forms that the reply may mean, each with the unit tests behind it."""
        found = super().find_program(reply, sample)
        tests = found.job.tests
        programs = tuple(f"{program}\n\n{tests}\n{_RUN_TESTS}" for program in found.job.programs)
        packages = find_with_requirements((*self._needed(sample), *self.packages))
        return replace(
            found, job=SandboxJob(programs, _TESTS, "bench_outcomes", partial=True), packages=packages
        )

    def _needed(self, sample: Sample) -> list[str]:
        texts = [
            self._tests(sample),
            *(column_text(sample.columns.get(name)) for name in (self.prompt, *PROMPT_COLUMNS)),
        ]
        return sorted(set(_third_party(texts)))


def _third_party(texts: Iterable[str]) -> list[str]:
    """Return the modules outside the standard library that Python texts import; a text that is no Python has none."""
    found = []
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.append(node.module)
    roots = [name.partition(".")[0] for name in found]
    return [name for name in roots if name not in sys.stdlib_module_names]


@cache
def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
