"""The scorer ``livecodebench``: programs that read and print, and methods that are called, as LiveCodeBench tests them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.sandbox import SandboxJob
from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.child_process import ScoringProcessError
from gapbench.scoring.code_extraction import code_in_prose, extract_program
from gapbench.scoring.hidden_cases import HiddenCase, HiddenCasesError, read_hidden_cases
from gapbench.scoring.sandboxed import MAX_ANSWER_CHARS, SYNTAX_PROCESS, FoundProgram, SandboxedScorer
from gapbench.values import Sample, Score

MAX_CASE_CHARS = 8_000_000
"""Of what one test gives to the program or expects: it must fit into one message of the sandbox."""
STAR_MODULES = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
"""What a program may use without an import, in the order of LiveCodeBench's runner: later names replace earlier ones."""
_IMPORTS = "".join(f"from {name} import *\n" for name in STAR_MODULES) + "".join(
    f"import {name}\n" for name in STAR_MODULES if name not in ("builtins", "typing")
)
_START = """
import json, os, select, signal, sys, threading, traceback, types
MOST_PRINTED = {most}
given_names = {{}}
exec({imports!r}, given_names)
sys.setrecursionlimit(50_000)
code = compile({source!r}, "solution.py", "exec", dont_inherit=True)
"""
# Each test is a process of its own: standard input and output are real, and no test sees what another one left.
_PRINTING = '''
def run_case(given, seconds):
    """Return what went wrong, or "", and what the program prints."""
    for name, content in (("in", given), ("out", ""), ("err", "")):
        with open(f"/tmp/{name}", "w", encoding="utf-8") as file:
            file.write(content)
    child = os.fork()
    if child == 0:
        run_as_main()
    ended = select.poll()
    ended.register(os.pidfd_open(child), select.POLLIN)
    in_time = ended.poll(seconds * 1000)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time:
        return [f"timed out after {seconds:g} s", ""]
    with open("/tmp/out", encoding="utf-8", errors="replace") as file:
        printed = file.read(MOST_PRINTED + 1)
    if len(printed) > MOST_PRINTED:
        return [f"printed more than {MOST_PRINTED} characters", ""]
    if status:
        with open("/tmp/err", encoding="utf-8", errors="replace") as file:
            last = file.read().strip().splitlines()[-1:]
        return [last[0][:200] if last else f"ended with {status}", printed]
    return ["", printed]


def run_as_main():
    status = 1
    try:
        for number, name, mode in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
            os.dup2(os.open(f"/tmp/{name}", mode), number)
        os.closerange(3, 64)
        sys.stdin, sys.stdout, sys.stderr = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8"), open(2, "w")
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        module.__dict__.update(given_names, __name__="__main__")
        try:
            exec(code, module.__dict__)
        except SystemExit:
            pass
        threading._shutdown()
        sys.stdout.flush()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)
'''
_CALLING = '''
def ring(number, frame):
    raise TimeoutError("timed out")


signal.signal(signal.SIGALRM, ring)
names = dict(given_names, __name__="solution")
exec(code, names)
owner = names["Solution"]() if {has_class} else types.SimpleNamespace(**names)
method = getattr(owner, {method!r})


def run_case(given, seconds):
    """Return "", and what the method returns."""
    arguments = [json.loads(line) for line in given.split("\\n")]
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        found = method(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ["", list(found) if isinstance(found, tuple) else found]
'''
_TESTS = '''
import json
from decimal import Decimal, InvalidOperation

CASES = json.loads({cases!r})


def numbers(line):
    try:
        return [Decimal(word) for word in line.split()]
    except InvalidOperation:
        return None


def same_lines(printed, wanted):
    """Compare line by line without the blanks around them; lines of numbers as exact numbers."""
    found, expected = ([line.strip() for line in text.strip().split("\\n")] for text in (printed, wanted))
    return len(found) == len(expected) and all(
        a == b or (numbers(a) is not None and numbers(a) == numbers(b)) for a, b in zip(found, expected)
    )


def passes(number):
    given, wanted = CASES[number]
    problem, found = run_case(given, {seconds!r})
    if problem:
        raise AssertionError(problem)
    return same_lines(found, wanted) if {prints} else found == json.loads(wanted)


'''


@dataclass(frozen=True)
class LiveCodeBench(SandboxedScorer):
    """Accepts Python that gives the right output on all public and hidden tests of a row of LiveCodeBench.

    Where ``metadata`` names a function, that method of ``Solution`` (or that function) is called with the test's lines,
    each a JSON value, and its result is compared by ``==``; a tuple counts as a list. Else the program reads standard
    input and prints: lines are compared without the blanks around them, and lines of numbers as exact numbers. These are
    the rules of the set's own runner, and so are the modules that a program may use without an import. The first test that
    fails ends the tests. The hidden tests, a pickle of one text, are read without unpickling.

    Attributes:
        case_s: Seconds for each test. ``timeout_s`` is for all of them.
    """

    name: ClassVar[str] = "livecodebench"
    description: ClassVar[str] = "Python run against the tests of a row of LiveCodeBench in a sandbox"
    test_noun: ClassVar[str] = "tests"

    timeout_s: float = 600.0
    memory_bytes: int = 1024 * 2**20
    case_s: float = 6.0

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before any request is paid for.

        Raises:
            InputError: An option is out of range.
            SetupError: No sandbox works on this machine.
        """
        super().__post_init__()
        if not 0 < self.case_s <= self.timeout_s:
            raise InputError(
                f"scorer {self.name!r}: case_s is {self.case_s!r}; expected more than 0, at most timeout_s, which is {self.timeout_s:g}"
            )

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why the tests of the row cannot be read, or None."""
        try:
            cases = _cases(sample)
            _method_name(sample)
        except HiddenCasesError as exc:
            return str(exc)
        longest = max(max(len(case.given), len(case.expected)) for case in cases)
        if longest > MAX_CASE_CHARS:
            return f"a test has {longest} characters; the sandbox takes {MAX_CASE_CHARS}"
        return None

    def find_program(self, reply: str, sample: Sample) -> FoundProgram | Score:
        """Return the program with its tests, or the score of a reply without a program."""
        method = _method_name(sample)
        code, is_fenced = extract_program(reply_tail(reply), method)
        if not is_fenced:
            try:
                problems = [
                    (SYNTAX_PROCESS.request([text]), text) for text in [code, *code_in_prose(code)] if text
                ]
            except ScoringProcessError:
                problems = [(None, code)]
            code = next((text for problem, text in problems if problem is None), "")
            if not code:
                return self._without_program(problems[0][0] if problems else "no code")
        most = MAX_CASE_CHARS
        program = _START.format(most=most, imports=_IMPORTS, source=code)
        if method:
            program += _CALLING.format(method=method, has_class="class Solution" in code)
        else:
            program += _PRINTING
        cases = _cases(sample)
        asked = json.dumps([[case.given, case.expected] for case in cases])
        tests = _TESTS.format(cases=asked, seconds=self.case_s, prints=not method)
        tests += "".join(f"assert passes({number})\n" for number in range(len(cases)))
        return FoundProgram(
            SandboxJob((program,), tests, "run_case"), code[:MAX_ANSWER_CHARS], is_fenced=True
        )


def _cases(sample: Sample) -> list[HiddenCase]:
    columns = sample.columns
    cases = [
        case
        for name in ("public_test_cases", "private_test_cases")
        for case in read_hidden_cases(columns.get(name), name)
    ]
    if not cases:
        raise HiddenCasesError("the row has no tests in public_test_cases and private_test_cases")
    return cases


def _method_name(sample: Sample) -> str:
    """Return the name of the method that is called; "" for a program that reads and prints."""
    said: Any = sample.columns.get("metadata") or "{}"
    try:
        found = json.loads(said) if isinstance(said, str) else said
        name = found.get("func_name") or ""
    except (ValueError, AttributeError) as exc:
        raise HiddenCasesError("the column metadata is not a JSON object") from exc
    if not (isinstance(name, str) and (name.isidentifier() or not name)):
        raise HiddenCasesError(f"func_name in the column metadata is {name!r}, which names no function")
    return name
