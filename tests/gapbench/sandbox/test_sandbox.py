"""The sandbox: verdicts, limits and levels; hostile programs are in test_hostile_programs."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gapbench.cpus import usable_cpus
from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits, SandboxResult, make_probe_job
from gapbench.sandbox.command_line import GUEST_FOLDER, base_interpreter

SHORT = SandboxLimits(wall_s=120.0, cpu_s=2, memory_bytes=256 * 2**20)


def run(
    program: str, tests: str = "assert f(2) == 4\nassert f(-3) == 9", limits: SandboxLimits = SHORT
) -> SandboxResult:
    return Sandbox.find().run(SandboxJob((program,), tests, "f"), limits)


def test_right_program_passes_every_assertion() -> None:
    """A right program passes and its assertions are counted."""
    assert run("def f(x):\n    return x * x") == SandboxResult("passed", 2, 2, "")


def test_wrong_program_fails_with_the_assertion() -> None:
    """A wrong program fails and the reason quotes the first assertion that did."""
    assert run("def f(x):\n    return x + x") == SandboxResult("failed", 1, 2, "failed: assert f(-3) == 9")


def test_partial_counts_every_assertion() -> None:
    """With ``partial`` a failure does not end the tests: 1 of 3 holds."""
    job = SandboxJob(
        ("def f(x):\n    return x + x",),
        "assert f(1) == 1\nassert f(2) == 4\nassert f(3) == 9",
        "f",
        partial=True,
    )
    verdict = Sandbox.find().run(job)
    assert (verdict.passed, verdict.total) == (1, 3)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("(1, [2.5, None], {'a': {3}})", "(1, [2.5, None], {'a': {3}})"),
        ("b'ab', bytearray(b'c'), 2 + 3j", "(b'ab', bytearray(b'c'), 2 + 3j)"),
        ("10 ** 5000", "10 ** 5000"),
        ("{(1, 2): frozenset({3})}", "{(1, 2): frozenset({3})}"),
        ("range(3), 'ü\\ud800'", "(range(3), 'ü\\ud800')"),
        ("__import__('decimal').Decimal('1.10')", "__import__('decimal').Decimal('1.10')"),
        ("__import__('datetime').date(2024, 2, 29)", "__import__('datetime').date(2024, 2, 29)"),
        ("float('inf')", "float('inf')"),
        ("True", "True"),
    ],
)
def test_plain_values_cross_unchanged(returned: str, expected: str) -> None:
    """A plain value arrives with its value and its type."""
    tests = f"assert f(0) == {expected} and type(f(0)) is type({expected})"
    assert run(f"def f(x):\n    return {returned}", tests).state == "passed"


def test_changed_arguments_come_back() -> None:
    """A list changed in place is changed in the tests too."""
    tests = "a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]"
    assert run("def f(x):\n    x.sort()", tests).state == "passed"


def test_functions_of_the_tests_can_be_called() -> None:
    """A test may pass a function, which runs in the tests' process."""
    assert (
        run("def f(g):\n    return [g(i) for i in range(3)]", "assert f(lambda i: i * 7) == [0, 7, 14]").state
        == "passed"
    )


def test_generators_and_objects_stay_remote() -> None:
    """Generators can be iterated and methods of objects called."""
    program = "class Stack:\n    def __init__(self): self.a = []\n    def push(self, x): self.a.append(x); return len(self.a)\ndef f(n):\n    yield from range(n)"
    tests = "assert list(f(3)) == [0, 1, 2]\ns = Stack()\nassert s.push('x') == 1\nassert s.push('y') == 2\nassert s.a == ['x', 'y']"
    assert run(program, tests).state == "passed"


def test_exceptions_cross_as_the_nearest_builtin() -> None:
    """A test can expect the exception of a program, own subclasses included."""
    program = "class Mine(ValueError): pass\ndef f(x):\n    raise Mine('no')"
    tests = "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert False"
    assert run(program, tests).state == "passed"


def test_first_program_that_compiles_is_run() -> None:
    """Of several texts the first that is Python counts."""
    job = SandboxJob(("def f(x) return", "def f(x):\n    return 4"), "assert f(1) == 4", "f")
    assert Sandbox.find().run(job).state == "passed"


def test_text_that_is_no_python_is_syntax() -> None:
    """A program that does not compile is told from one that fails."""
    assert run("I would write a loop.").state == "syntax"


def test_tests_that_cannot_run_blame_nobody() -> None:
    """Tests that import what the sandbox lacks say so instead of failing the program."""
    verdict = run("def f(x):\n    return 4", "import no_such_package\nassert f(1) == 4")
    assert (verdict.state, "no_such_package" in verdict.reason) == ("unrunnable", True)


def test_prelude_serves_the_tests() -> None:
    """A helper of the prompt is at hand in the tests, and the program cannot replace it."""
    job = SandboxJob(
        ("def twice(x):\n    return 0\ndef f(x):\n    return 0",),
        "assert f(3) == twice(3)",
        "f",
        "def twice(x):\n    return 2 * x\ndef f(x):\n    pass",
    )
    assert Sandbox.find().run(job).state == "failed"


# What is below /tmp in every sandbox: this Python, where the checkout itself is there.
SHOWN = set(Path(sys.prefix).parts[2:3]) if sys.prefix.startswith("/tmp/") else {"nothing"}


def test_secrets_of_the_harness_are_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor an environment variable of the harness is visible in the sandbox."""
    secret = tmp_path / "key"
    secret.write_text("sk-secret")
    monkeypatch.setenv("PROVIDER_KEY", "sk-secret")
    program = (
        "import os\ndef f(path):\n    return os.path.exists(path), sorted(os.environ), os.listdir('/tmp')"
    )
    tests = f"a, b, c = f({str(secret)!r})\nassert a is False\nassert 'PROVIDER_KEY' not in b\nassert set(c) <= {SHOWN!r}"
    assert run(program, tests) == SandboxResult("passed", 3, 3, "")


def test_program_is_nobody(tmp_path: Path) -> None:
    """The program has no capability and, under root, not root's number."""
    program = "import os, ctypes\ndef f(_):\n    h = (ctypes.c_uint32 * 2)(0x20080522, 0); d = (ctypes.c_uint32 * 6)()\n    ctypes.CDLL(None).capget(h, d)\n    return [os.getuid() == 0, os.geteuid() == 0, list(d)]"
    assert run(program, "assert f(0) == [False, False, [0] * 6]").state == "passed"


def test_host_loopback_is_out_of_reach() -> None:
    """A server on this machine's loopback cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket\ndef f(_):\n    try: socket.create_connection(('127.0.0.1', {port}), 1)\n    except OSError: return 'out of reach'"
        assert run(program, "assert f(0) == 'out of reach'").state == "passed"


def test_two_programs_do_not_see_each_other() -> None:
    """Programs that run at once each have their own /tmp and their own count of processes."""
    program = "import os, time\ndef f(n):\n    open(f'/tmp/{n}', 'w').close()\n    time.sleep(0.2)\n    return os.listdir('/tmp')"
    with ThreadPoolExecutor(4) as pool:
        states = pool.map(
            lambda n: run(program, f"assert set(f({n})) - {SHOWN!r} == {{'{n}'}}").state, range(4)
        )
        assert list(states) == ["passed"] * 4


def test_no_more_programs_at_once_than_cores() -> None:
    """Programs beyond the cores wait, so that none misses its deadline through another."""
    sandbox = Sandbox(Sandbox.find().level)
    assert isinstance(sandbox._slots, threading.BoundedSemaphore)
    assert sandbox._slots._initial_value == usable_cpus()  # type: ignore[attr-defined]


def test_a_program_starts_without_the_modules_that_run_it() -> None:
    """They import much more than the guest: a program would take twice as long to start."""
    imports = "import gapbench.sandbox.guest.main; print(*sorted(sys.modules))"
    code = f"import sys; sys.path.insert(0, {str(GUEST_FOLDER.parents[2])!r}); {imports}"
    modules = subprocess.run(
        [base_interpreter(), "-s", "-S", "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "gapbench.sandbox.guest.main" in modules
    assert [] == [name for name in modules if name.startswith("gapbench.sandbox.") and "guest" not in name]
    assert not {"subprocess", "dataclasses", "inspect", "pathlib", "tempfile"} & set(modules)


def test_sandbox_that_shows_the_host_is_not_taken() -> None:
    """The probe fails outside of walls, so that a machine without any is refused."""
    job = make_probe_job()
    space: dict[str, object] = {}
    exec(job.programs[0], space)
    with pytest.raises(AssertionError):
        exec(job.tests, space)
