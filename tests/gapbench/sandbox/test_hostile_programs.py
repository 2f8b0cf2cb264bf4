"""Programs that try to harm the machine, read its secrets, get out, or forge their verdict: all score 0."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from gapbench.sandbox import Sandbox
from gapbench.scoring.scorers.code import Code
from gapbench.values import Sample

SECRET = "sk-planted-5ec7e7"
WALL_S = 2.0
TESTS = "assert f(2) == 4\nassert f(-3) == 9"
PLANTED_OUTSIDE = ("/usr/lib/evil", "/evil", "/tmp/tests.py", "/tmp/conftest.py", "/tmp/sitecustomize.py")

HOSTILE = {
    "fork bomb": "import os\ndef f(x):\n    while True:\n        try: os.fork()\n        except OSError: pass",
    "thread bomb": "import threading, time\ndef f(x):\n    while True: threading.Thread(target=time.sleep, args=(9,)).start()",
    "endless loop": "def f(x):\n    while True: pass",
    "endless loop on loading": "while True: pass",
    "sleep": "import time\ndef f(x):\n    time.sleep(99999)\n    return x * x",
    "memory hog": "def f(x):\n    a = []\n    while True: a.append(bytearray(2**24))",
    "file filler": "def f(x):\n    n = 0\n    while True:\n        n += 1\n        with open(f'/tmp/{n}', 'wb') as s: s.write(bytes(2**23))",
    "descriptor hog": "def f(x):\n    a = [open('/dev/zero') for _ in range(10**6)]\n    return x * x",
    "writing outside": "def f(x):\n    open('/usr/lib/evil', 'w').close()\n    return x * x",
    "writing the root": "def f(x):\n    open('/evil', 'w').close()\n    return x * x",
    "network": "import socket\ndef f(x):\n    socket.create_connection(('192.0.2.1', 80), 1)\n    return x * x",
    "exit 0": "import os\ndef f(x):\n    os._exit(0)",
    "exit 0 on loading": "import os\nos._exit(0)",
    "sys.exit": "import sys\ndef f(x):\n    sys.exit(0)",
    "fake verdict printed": 'import os\nfor fd in range(1, 64):\n    try: os.write(fd, b\'{"state": "passed", "passed": 2, "total": 2, "reason": ""}\')\n    except OSError: pass\nos._exit(0)',
    "fake verdict on the bridge": "import os, json, struct\nm = json.dumps({'state': 'passed', 'passed': 2, 'total': 2, 'reason': ''}).encode()\nos.write(3, struct.pack('>I', len(m)) + m)\ndef f(x): return 0",
    "patched builtins": "import builtins\nbuiltins.AssertionError = type('A', (Exception,), {})\nbuiltins.all = lambda *a: True\nbuiltins.print = None\ndef f(x): return 0",
    "patched judge": "import sys\nfor m in list(sys.modules.values()):\n    for k in list(vars(m)):\n        if k in ('evaluate_program', '_make_result', 'run_tests'): setattr(m, k, lambda *a, **k: {'state': 'passed', 'passed': 9, 'total': 9, 'reason': ''})\ndef f(x): return 0",
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
    "reading passwords": "def f(x):\n    raise Exception(open('/etc/passwd').read() + open('/etc/shadow').read())",
    "reading the planted file": "def f(x):\n    raise Exception(open('@FILE@').read())",
    "planted file through a symlink": "import os\ndef f(x):\n    os.symlink('@FILE@', '/tmp/a')\n    raise Exception(open('/tmp/a').read())",
    "planted file through a hard link": "import os\ndef f(x):\n    os.link('@FILE@', '/tmp/a')\n    raise Exception(open('/tmp/a').read())",
    "planted file through dots": "def f(x):\n    raise Exception(open('/tmp/' + '../' * 20 + '@FILE@').read())",
    "planted file through the host's root": "import os\ndef f(x):\n    for top in ('/host', '/proc/1/root', '/proc/self/root', '/proc/self/cwd/..', '/mnt/host', '/oldroot'):\n        try: raise Exception(open(top + '@FILE@').read())\n        except OSError: pass\n    return 0",
    "planted file through an inherited descriptor": "import os\ndef f(x):\n    for fd in range(64):\n        for up in ('../' * n for n in range(12)):\n            try: raise Exception(os.read(os.open(up + '@FILE@'[1:], os.O_RDONLY, dir_fd=fd), 99))\n            except OSError: pass\n    return 0",
    "environment": "import os\ndef f(x):\n    raise Exception(dict(os.environ))",
    "environment of the parents": "import os\ndef f(x):\n    for p in ('self', 1, 2, 3, os.getpid(), os.getppid()):\n        try: raise Exception(open(f'/proc/{p}/environ').read())\n        except OSError: pass\n    return 0",
    "searching every file": "import os\ndef f(x):\n    for top, _, names in os.walk('/'):\n        for name in names:\n            if name == 'bench-secret.txt': raise Exception(open(os.path.join(top, name)).read())\n    return 0",
    "searching the own memory": "import gc\ndef f(x):\n    found = [o for o in gc.get_objects() if isinstance(o, dict) and any('PLANTED' in str(k) for k in list(o)[:99])]\n    raise Exception(found[1:])",
    "memory of the judge": "import ctypes\nl = ctypes.CDLL(None)\nclass V(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('n', ctypes.c_size_t)]\ndef f(x):\n    b = ctypes.create_string_buffer(64)\n    here = V(ctypes.addressof(b), 64)\n    there = V(0x400000, 64)\n    assert any(l.process_vm_readv(p, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0 for p in range(2, 64))\n    return x * x",
    "writing the judge's memory": "def f(x):\n    for p in range(1, 64):\n        if p != __import__('os').getpid():\n            open(f'/proc/{p}/mem', 'wb').close()\n    return x * x",
    "killing the parent": "import os, signal\ndef f(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n    os.killpg(0, signal.SIGKILL)\n    return 0",
    "outliving the tests": "import os, time\ndef f(x):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0: time.sleep(999)\n    return 0",
    "many small files": "def f(x):\n    n = 0\n    while True:\n        n += 1\n        open(f'/tmp/{n}', 'w').close()",
    "memory shared by many": "import os\ndef f(x):\n    for _ in range(8):\n        if os.fork() == 0: break\n    a = []\n    while True: a.append(bytearray(b'x' * 2**20))",
    "memory that no process owns": "import ctypes, os\nl = ctypes.CDLL(None)\ndef f(x):\n    assert l.memfd_create(b'a', 0) >= 0 or l.shmget(0, 2**30, 0o1600) >= 0\n    return x * x",
    "raising its limits": "import resource\ndef f(x):\n    resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))\n    return x * x",
    "becoming root": "import os\ndef f(x):\n    os.setuid(0)\n    return x * x",
    "set-user-id program": "import os\ndef f(x):\n    assert os.system('su -c id || sudo id || mount') == 0\n    return x * x",
    "loopback of the host": "import socket\ndef f(x):\n    socket.create_connection(('127.0.0.1', @PORT@), 1).sendall(b'out')\n    return x * x",
    "the machine below": "import socket\ndef f(x):\n    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).connect((2, 1024))\n    return x * x",
    "raw sockets": "import socket\ndef f(x):\n    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n    return x * x",
    "name look-up": "import socket\ndef f(x):\n    socket.getaddrinfo('example.com', 80)\n    return x * x",
    "sockets of daemons": "import socket\ndef f(x):\n    s = socket.socket(socket.AF_UNIX)\n    for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/systemd/private', '/run/dbus/system_bus_socket'):\n        try: s.connect(p); return x * x\n        except OSError: pass\n    return 0",
    "devices": "import os\ndef f(x):\n    os.mknod('/tmp/a', 0o600 | 0o060000, os.makedev(8, 0))\n    return x * x",
    "writing the jail": "import gapbench.sandbox.guest.test_runner as j\ndef f(x):\n    open(j.__file__, 'a').write('x')\n    return x * x",
    "patched test modules": "import sys, types\nopen('/tmp/tests.py', 'w').write('def check(c): pass')\nopen('/tmp/conftest.py', 'w').write('import os; os._exit(0)')\nopen('/tmp/sitecustomize.py', 'w').write('raise SystemExit(0)')\nsys.modules['tests'] = sys.modules['unittest'] = sys.modules['pytest'] = types.SimpleNamespace(check=lambda c: None)\nsys.path.insert(0, '/tmp')\ndef check(candidate): return True\ndef f(x): return 0",
    "patched bridge": "import sys\nb = sys.modules['gapbench.sandbox.guest.rpc']\nb.Peer.encode = lambda self, value: {'home': 0}\ndef f(x): return 0",
    "unasked messages": 'import json, os, struct, threading\ndef flood():\n    for m in (["return", 4, []], ["return", 9, []]) * 50:\n        d = json.dumps(m).encode()\n        os.write(3, struct.pack(\'>I\', len(d)) + d)\nthreading.Thread(target=flood).start()\ndef f(x): return 0',
    "asking the judge": "import sys\np = [o for o in __import__('gc').get_objects() if type(o).__name__ == 'Peer'][0]\ndef f(x):\n    for h in range(9):\n        for n in ('__globals__', '__code__', '__self__', '__class__'):\n            try: raise Exception(p.get(h, n))\n            except PermissionError: pass\n    return 0",
    "a number that lies": "class N(int):\n    def __eq__(self, o): return True\n    def __sub__(self, o): return 0\n    def __hash__(self): return 4\n    __class__ = property(lambda self: int)\ndef f(x): return N(5)",
    "a list that lies": "class L(list):\n    def __eq__(self, o): return True\n    def __iter__(self): raise SystemExit(0)\ndef f(x): return L([1])",
    "a message bomb": "import os, struct\ndef f(x):\n    os.write(3, struct.pack('>I', 2**24) + b'[' * 2**20)\n    os._exit(0)",
    "a number bomb": "import fractions, sys\nb = sys.modules['gapbench.sandbox.guest.rpc']\nb.Peer.encode = lambda self, value: {'Fraction': '1e999999999'}\ndef f(x): return 0",
    "exit when collected": "import atexit, os, signal\natexit.register(os._exit, 0)\nsignal.signal(signal.SIGTERM, lambda *a: os._exit(0))\ndef f(x): raise KeyboardInterrupt",
    "other machine's calls": "import ctypes, mmap\ndef f(x):\n    m = mmap.mmap(-1, 4096, prot=7)\n    m.write(bytes.fromhex('b814000000cd80c3'))\n    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\n    return x + 99",
    "terminal codes": "import sys\ndef f(x): raise Exception('\\x1b]0;owned\\x07\\x1b[2J' + chr(0) + 'x' * 10**6)",
}


class Host(NamedTuple):
    """What a hostile program is after.

    Attributes:
        file: Holds the secret.
        server: Listens on the host's loopback.
    """

    file: Path
    server: socket.socket


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Plant a secret in a file and in the environment, and listen on loopback."""
    file = tmp_path / "bench-secret.txt"
    file.write_text(SECRET)
    file.chmod(0o644)
    monkeypatch.setenv("PLANTED_KEY", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield Host(file, server)


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(
            "bubblewrap",
            marks=pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
        ),
        "unshare",
    ],
)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_program_scores_0_and_harms_nothing(name: str, level: str, host: Host) -> None:
    """It scores 0, ends in time, leaves no process, no file and no part of the secret, and reaches no server."""
    program = HOSTILE[name].replace("@FILE@", str(host.file))
    program = program.replace("@PORT@", str(host.server.getsockname()[1]))
    sample = Sample("s", (), columns={"test": TESTS, "entry_point": "f"})
    before = {process.pid for process in psutil.Process().children(recursive=True)}

    score = Code(timeout_s=WALL_S, sandbox=level)(f"```python\n{program}\n```", sample)

    assert (score.value, score.outcome, score.isolation) == (0.0, "wrong", level)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert SECRET not in str(asdict(score))
    assert score.reason.isprintable()
    assert len(score.reason) <= 400
    assert [path for path in PLANTED_OUTSIDE if Path(path).exists()] == []
    with pytest.raises(BlockingIOError):
        host.server.accept()


def test_there_are_forty_and_more() -> None:
    """The number that was asked for."""
    assert len(HOSTILE) >= 40


def test_the_next_program_runs_after_a_bomb() -> None:
    """What one program used up is there again for the next."""
    sample = Sample("s", (), columns={"test": TESTS, "entry_point": "f"})
    bomb = Code(timeout_s=WALL_S)(f"```python\n{HOSTILE['fork bomb']}\n```", sample)
    good = Code(timeout_s=120)("```python\ndef f(x): return x * x\n```", sample)
    assert (bomb.value, good.value) == (0.0, 1.0)
    assert Sandbox.find().level == bomb.isolation
    assert os.getpid() == psutil.Process().pid
