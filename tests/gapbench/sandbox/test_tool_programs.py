"""Programs that a tool runs beside itself in the sandbox."""

from __future__ import annotations

import json

from gapbench.sandbox import IsolationLevel
from tests.tool_sessions import call

RUN = "from gapbench_tools import PYTHON, run_program, run_python\n"


def test_a_tool_runs_python_beside_itself(level: IsolationLevel) -> None:
    """A program with files of its own; its output, its errors and its exit status come back."""
    source = (
        RUN + "def t(state, *, code):\n    return run_python(code, files={'a/b.py': 'X = 41'}, stdin='1')"
    )
    code = "import sys\nfrom a.b import X\nprint(X + int(input()))\nprint('ü', file=sys.stderr)\nsys.exit(3)"
    reply = call(source, level=level, code=code)
    assert json.loads(reply.content) == {"exit_code": 3, "output": "42\n", "errors": "ü\n"}


def test_a_program_has_no_channel_and_its_folder_is_gone_afterwards(level: IsolationLevel) -> None:
    """Descriptors other than its three are closed; in /tmp is what was there before."""
    source = (
        RUN
        + "import os\ndef t(state, *, code):\n    return [os.listdir('/tmp'), run_python(code, timeout_s=120), os.listdir('/tmp')]"
    )
    code = "import os\nfor fd in range(3, 64):\n    try: print(os.fstat(fd))\n    except OSError: pass\nprint(os.listdir('.'))"
    before, result, after = json.loads(call(source, level=level, code=code).content)
    assert result == {"exit_code": 0, "output": "['__main__.py']\n", "errors": ""}
    assert after == before


def test_a_program_is_killed_with_its_processes_when_its_time_is_up(level: IsolationLevel) -> None:
    """Its exit status is None then."""
    source = (
        RUN
        + "def t(state, *, code):\n    run_python(code, timeout_s=0.5)\n    return run_python('print(1)', timeout_s=120)"
    )
    code = "import os, time\nfor _ in range(12):\n    if os.fork() == 0: break\ntime.sleep(99999)"
    twice = (
        RUN
        + "def t(state, *, code):\n    return [run_python(code, timeout_s=0.5)['exit_code'] for _ in range(3)]"
    )
    assert json.loads(call(twice, level=level, code=code).content) == [None, None, None]
    assert json.loads(call(source, level=level, code=code).content)["output"] == "1\n"


def test_a_program_s_output_and_paths_are_bounded() -> None:
    """A million bytes are kept, half characters replaced; a path outside and a missing command are refused."""
    loud = (
        RUN
        + "def t(state):\n    r = run_python(\"import sys; sys.stdout.buffer.write(b'\\\\xff' * 3 * 10**6)\")\n    return [len(r['output']), r['output'][0]]"
    )
    assert json.loads(call(loud).content) == [1_000_000, "\N{REPLACEMENT CHARACTER}"]
    path = RUN + "def t(state):\n    run_program(['ls'], files={'../x': ''})"
    assert call(path).content == "ToolError: path '../x' is outside the folder"
    command = RUN + "def t(state):\n    run_program(['no-such-command'])"
    assert call(command).content == "ToolError: cannot start 'no-such-command': No such file or directory"
