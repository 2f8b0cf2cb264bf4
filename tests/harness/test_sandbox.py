"""The sandbox: verdicts, and programs that try to forge them or to get out."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from harness.sandbox import Job, Limits, Sandbox, Verdict, probe

SHORT = Limits(wall_s=3.0, cpu_s=2, memory_bytes=256 * 2**20)


def run(program: str, tests: str = "assert f(2) == 4\nassert f(-3) == 9", limits: Limits = SHORT) -> Verdict:
    return Sandbox.find().run(Job((program,), tests, "f"), limits)


def test_right_program_passes_every_assertion() -> None:
    """A right program passes and its assertions are counted."""
    assert run("def f(x):\n    return x * x") == Verdict("passed", 2, 2, "")


def test_wrong_program_fails_with_the_assertion() -> None:
    """A wrong program fails and the reason quotes the first assertion that did."""
    assert run("def f(x):\n    return x + x") == Verdict("failed", 1, 2, "failed: assert f(-3) == 9")


def test_partial_counts_every_assertion() -> None:
    """With ``partial`` a failure does not end the tests: 1 of 3 holds."""
    job = Job(
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
    job = Job(("def f(x) return", "def f(x):\n    return 4"), "assert f(1) == 4", "f")
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
    job = Job(
        ("def twice(x):\n    return 0\ndef f(x):\n    return 0",),
        "assert f(3) == twice(3)",
        "f",
        "def twice(x):\n    return 2 * x\ndef f(x):\n    pass",
    )
    assert Sandbox.find().run(job).state == "failed"


HOSTILE = {
    "fork bomb": "import os\ndef f(x):\n    while True:\n        try: os.fork()\n        except OSError: pass",
    "thread bomb": "import threading, time\ndef f(x):\n    while True: threading.Thread(target=time.sleep, args=(9,)).start()",
    "endless loop": "def f(x):\n    while True: pass",
    "endless loop on loading": "while True: pass",
    "sleep": "import time\ndef f(x):\n    time.sleep(60)\n    return x * x",
    "memory hog": "def f(x):\n    a = []\n    while True: a.append(bytearray(2**24))",
    "file filler": "def f(x):\n    n = 0\n    while True:\n        n += 1\n        with open(f'/tmp/{n}', 'wb') as s: s.write(bytes(2**23))",
    "descriptor hog": "def f(x):\n    a = [open('/dev/zero') for _ in range(10**6)]\n    return x * x",
    "writing outside": "def f(x):\n    open('/usr/lib/evil', 'w').close()\n    return x * x",
    "writing the root": "def f(x):\n    open('/evil', 'w').close()\n    return x * x",
    "network": "import socket\ndef f(x):\n    socket.create_connection(('192.0.2.1', 80), 1)\n    return x * x",
    "reading passwords": "def f(x):\n    open('/etc/passwd').read()\n    return x * x",
    "reading the environment": "def f(x):\n    open('/proc/self/environ').read()\n    return x * x",
    "exit 0": "import os\ndef f(x):\n    os._exit(0)",
    "exit 0 on loading": "import os\nos._exit(0)",
    "sys.exit": "import sys\ndef f(x):\n    sys.exit(0)",
    "fake verdict printed": 'import os\nfor fd in range(1, 64):\n    try: os.write(fd, b\'{"state": "passed", "passed": 2, "total": 2, "reason": ""}\')\n    except OSError: pass\nos._exit(0)',
    "fake verdict on the bridge": "import os, json, struct\nm = json.dumps({'state': 'passed', 'passed': 2, 'total': 2, 'reason': ''}).encode()\nos.write(3, struct.pack('>I', len(m)) + m)\ndef f(x): return 0",
    "patched builtins": "import builtins\nbuiltins.AssertionError = type('A', (Exception,), {})\nbuiltins.all = lambda *a: True\nbuiltins.print = None\ndef f(x): return 0",
    "patched judge": "import sys\nfor m in list(sys.modules.values()):\n    for k in list(vars(m)):\n        if k in ('judge', '_verdict', 'run_tests'): setattr(m, k, lambda *a, **k: {'state': 'passed', 'passed': 9, 'total': 9, 'reason': ''})\ndef f(x): return 0",
    "equal to everything": "class E(int):\n    def __eq__(self, o): return True\n    def __bool__(self): return True\n    __hash__ = None\ndef f(x): return E(0)",
    "object equal to everything": "class E:\n    def __eq__(self, o): return True\n    def __ne__(self, o): return False\ndef f(x): return E()",
    "killing everyone": "import os, signal\ndef f(x):\n    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)\n    for p in range(2, 5000):\n        try: os.kill(p, signal.SIGKILL)\n        except OSError: pass\n    return 0",
    "ptrace": "import ctypes, os\nl = ctypes.CDLL(None)\ndef f(x):\n    assert all(l.ptrace(16, p, 0, 0) == 0 for p in range(2, 50))\n    return x * x",
    "new user namespace": "import ctypes\nl = ctypes.CDLL(None)\ndef f(x):\n    assert l.unshare(0x10000000) == 0\n    return x * x",
    "mount": "import ctypes\nl = ctypes.CDLL(None)\ndef f(x):\n    assert l.mount(b'proc', b'/tmp', b'proc', 0, None) == 0\n    return x * x",
    "chroot out": "import os\ndef f(x):\n    os.mkdir('/tmp/a'); os.chroot('/tmp/a'); os.chdir('../../../..'); os.listdir('home')\n    return x * x",
    "huge output": "import sys\ndef f(x):\n    while True: sys.stdout.write('x' * 2**20)",
    "huge value": "def f(x):\n    return 'x' * (100 * 2**20)",
    "deep value": "def f(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a",
    "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x)",
    "crash": "import ctypes\ndef f(x): ctypes.string_at(0)",
    "looking for the tests": "import gc, sys\nfor o in gc.get_objects():\n    if 'f(-3)' in repr(o)[:10**5].replace('looking', ''): raise SystemExit\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n        if any('assert f(2)' in str(v) for v in frame.f_locals.values()): return x * x\n        frame = frame.f_back\n    return 0",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_program_fails_and_harms_nothing(name: str, tmp_path: Path) -> None:
    """A program that attacks is not passed, ends in time, leaves no process, and the next one runs."""
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    started = time.monotonic()
    verdict = run(HOSTILE[name])
    assert verdict.state in {"failed", "timeout", "crashed"}, verdict
    assert time.monotonic() - started < SHORT.wall_s + 5
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert left == []
    assert not Path("/usr/lib/evil").exists()
    assert not Path("/evil").exists()


def test_secrets_of_the_harness_are_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor an environment variable of the harness is visible in the sandbox."""
    secret = tmp_path / "key"
    secret.write_text("sk-secret")
    monkeypatch.setenv("PROVIDER_KEY", "sk-secret")
    program = (
        "import os\ndef f(path):\n    return os.path.exists(path), sorted(os.environ), os.listdir('/tmp')"
    )
    tests = f"a, b, c = f({str(secret)!r})\nassert a is False\nassert 'PROVIDER_KEY' not in b\nassert c == []"
    assert run(program, tests) == Verdict("passed", 3, 3, "")


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
        states = pool.map(lambda n: run(program, f"assert f({n}) == ['{n}']").state, range(4))
        assert list(states) == ["passed"] * 4


def test_no_more_programs_at_once_than_cores() -> None:
    """Programs beyond the cores wait, so that none misses its deadline through another."""
    sandbox = Sandbox(Sandbox.find().level)
    assert isinstance(sandbox._slots, threading.BoundedSemaphore)
    assert sandbox._slots._initial_value == os.cpu_count()  # type: ignore[attr-defined]


def test_sandbox_that_shows_the_host_is_not_taken() -> None:
    """The probe fails outside of walls, so that a machine without any is refused."""
    job = probe()
    space: dict[str, object] = {}
    exec(job.programs[0], space)
    with pytest.raises(AssertionError):
        exec(job.tests, space)
