"""Programs found in replies, built from pieces that compile and pass when they are joined."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable

import pytest

from gapbench.scoring.code_blocks import code_blocks
from gapbench.scoring.code_extraction import candidate_programs, code_in_prose, extract_program
from gapbench.scoring.scorers.patch import find_changes
from gapbench.scoring.scorers.sql import extract_query

PARTS = {
    "one function": ("def add2(a, b):\n    return a + b\n",),
    "import, function": ("import operator\n", "def add2(a, b):\n    return operator.add(a, b)\n"),
    "from-import, function": (
        "from operator import add as plus\n",
        "def add2(a, b):\n    return plus(a, b)\n",
    ),
    "helper, function": ("def plus(x, y):\n    return x + y\n", "def add2(a, b):\n    return plus(a, b)\n"),
    "function, helper": ("def add2(a, b):\n    return plus(a, b)\n", "def plus(x, y):\n    return x + y\n"),
    "constant, function": ("ZERO = 0\n", "def add2(a, b):\n    return ZERO + a + b\n"),
    "import, helper, function": (
        "import operator\n",
        "def plus(x, y):\n    return operator.add(x, y)\n",
        "def add2(a, b):\n    return plus(a, b)\n",
    ),
    "class, function": (
        "class Adder:\n    def plus(self, x, y):\n        return x + y\n",
        "def add2(a, b):\n    return Adder().plus(a, b)\n",
    ),
    "function with a fence in its docstring": (
        'def add2(a, b):\n    """Add.\n\n    Example::\n\n        add2(1, 2)\n    """\n    return a + b\n',
    ),
}
LANGUAGES = ("python", "Python", "py", "python3", "", "{python}", 'python title="a.py"', "code")


def _indent(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" if line else "\n" for line in text.splitlines())


FENCES: dict[str, Callable[[str, str], str]] = {
    "plain": lambda code, language: f"```{language}\n{code}```\n",
    "tildes": lambda code, language: f"~~~{language}\n{code}~~~\n",
    "four backticks": lambda code, language: f"````{language}\n{code}````\n",
    "in a list": lambda code, language: f"1. Code:\n\n{_indent(f'```{language}{chr(10)}{code}```', '    ')}\n",
    "in a bullet": lambda code, language: f"- Code:\n{_indent(f'```{language}{chr(10)}{code}```', '  ')}\n",
    "quoted": lambda code, language: _indent(f"```{language}\n{code}```", "> "),
    "behind text": lambda code, language: f"Here is the code: ```{language.split()[0] if language else ''}\n{code}```\n",
    "closed behind code": lambda code, language: f"```{language}\n{code.rstrip()}```\n",
    "windows lines": lambda code, language: f"```{language}\n{code}```\n".replace("\n", "\r\n"),
    "html": lambda code, language: '<pre><code class="language-python">' + code.replace("<", "&lt;") + "</code></pre>\n",
}  # fmt: skip
FRAMES = {
    "alone": "{0}",
    "with text": "Sure!\n\n{0}\nThis adds both.",
    "with usage": "{0}\nUsage:\n\n```python\nprint(add2(1, 2))  # 3\nassert add2(2, 2) == 4\n```\n",
    "with a shell block": "{0}\nRun it:\n\n```bash\npython add2.py\n```\n",
    "with output": "{0}\nOutput:\n\n```\n3\n```\n",
    "with a failing example": "{0}\nFor example:\n```python\nadd2(input(), 1)\n```\n",
    "after a shell block": "```sh\npip install numpy\n```\n{0}",
    "after a stub": "```python\ndef add2(a, b):\n    pass\n```\nComplete:\n\n{0}",
    "after a wrong version": "First try:\n```python\ndef add2(a, b):\n    return a - b\n```\nThat subtracts. Better:\n\n{0}",
    "before a stub": "{0}\nThe signature again:\n```python\ndef add2(a, b):\n    ...\n```\n",
}
TESTS = "assert add2(1, 2) == 3\nassert add2(-1, 1) == 0\n"


def passes(reply: str, name: str = "add2") -> bool:
    """Return whether the first program of a reply that compiles passes the tests."""
    code, is_fenced = extract_program(reply, name, TESTS)
    programs = candidate_programs(code, "", name)
    for part in () if is_fenced else code_in_prose(code):
        programs += candidate_programs(part, "", name)
    for program in programs:
        with contextlib.suppress(SyntaxError), contextlib.redirect_stdout(io.StringIO()):
            compiled = compile(program, "reply", "exec")
            try:
                space: dict[str, object] = {}
                exec(compiled, space)
                exec(TESTS, space)
            except Exception:  # noqa: BLE001 - whatever a wrong program raises
                return False
            return True
    return False


def built_replies() -> list[tuple[str, str]]:
    """Return the name and text of each reply: parts x fences x languages x frames."""
    replies = []
    for number, (parts, fence, frame) in enumerate(itertools.product(PARTS, FENCES, FRAMES)):
        if fence == "html" and "```" in FRAMES[frame]:
            continue  # a reply uses either
        language = LANGUAGES[number % len(LANGUAGES)]
        text = "\nThen:\n\n".join(FENCES[fence](part, language) for part in PARTS[parts])
        replies.append((f"{parts} / {fence} / {frame} / {language}", FRAMES[frame].format(text)))
    return replies


@pytest.mark.parametrize("name", ["add2", ""])
def test_joined_blocks_pass(name: str) -> None:
    """About 800 replies: each part compiles, and all of them together pass."""
    assert [about for about, reply in built_replies() if not passes(reply, name)] == []


@pytest.mark.parametrize(
    "reply",
    [
        "def add2(a, b):\n    return a + b",
        "Here is the function:\n\ndef add2(a, b):\n    return a + b\n\nIt adds both numbers.",
        "The function:\n\n    def add2(a, b):\n        return a + b\n\nIt adds.",
        "import operator\n\ndef add2(a, b):\n    return operator.add(a, b)\n\nThis uses the operator module.",
        ">>> def add2(a, b):\n...     return a + b\n...\n>>> add2(1, 2)\n3\n",
        "```pycon\n>>> def add2(a, b):\n...     return a + b\n>>> add2(1, 2)\n3\n```",
        "```python\ndef add2(a, b):\n    return a + b",
        "```python\nimport operator\n\nThen:\n```python\nimport operator\ndef add2(a, b):\n    return operator.add(a, b)\n```",
        "````markdown\nHere:\n```python\ndef add2(a, b):\n    return a + b\n```\n````",
        "```def add2(a, b): return a + b```",
        "<code>def add2(a, b):\n    return a + b</code>",
        "```python\nadd2 = lambda a, b: a + b\n```",
        "```python\nfrom __future__ import annotations\ndef add2(a, b):\n    return plus(a, b)\n```\n```python\ndef plus(a, b):\n    return a + b\n```",
        '````python\ndef add2(a, b):\n    """Add.\n\n```\nadd2(1, 2)\n```\n    """\n    return a + b\n````',
        "Two ways:\n```python\ndef add2(a, b):\n    return sum((a, b))\n```\nor\n```python\ndef add2(a, b):\n    return a + b\n```",
        "Use `add2`:\n\n```python\ndef add2(a, b):\n    return a + b\n```",
    ],
)  # fmt: skip
def test_programs_in_other_forms_pass(reply: str) -> None:
    """Without a fence, as a console, unclosed, nested, on one line."""
    assert passes(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "no code",
        "```python\ndef other(a, b):\n    return a + b\n```",
        "```\n```",
        "I would add a and b.",
        "```python\ndef add2(a, b):\n    return a - b\n```",
    ],
)
def test_other_replies_do_not_pass(reply: str) -> None:
    """No program, another function, or a wrong one."""
    assert not passes(reply)


def test_a_fence_in_a_fence_is_content() -> None:
    """Three backticks in four, and three tildes in backticks."""
    assert [block.text for block in code_blocks("````\n```\nx\n```\n````\n")] == ["```\nx\n```\n"]
    assert [block.text for block in code_blocks("```\n~~~\nx\n~~~\n```\n")] == ["~~~\nx\n~~~\n"]


@pytest.mark.parametrize(
    "reply",
    [
        "```sql\nSELECT a FROM t\n```",
        "~~~SQL\nSELECT a FROM t;\n~~~",
        "1. Query:\n\n    ```sql\n    SELECT a FROM t\n    ```\n",
        "The query: ```sql\nSELECT a FROM t\n```\nDone.",
        "```sql\nSELECT b FROM t\n```\nBetter:\n```postgresql\nSELECT a FROM t\n```\nResult:\n```\na\n1\n```",
        "The query is `SELECT a FROM t`.",
        "SELECT a FROM t;\n\nThis selects every a.",
        "Select the column with this query:\n\nSELECT a FROM t\n\nIt returns every a.",
        "```sql\n/* all */\n-- of them\nSELECT a FROM t\n```\n```bash\nsqlite3 db < q.sql\n```",
        "<pre>SELECT a FROM t</pre>",
    ],
)
def test_queries(reply: str) -> None:
    """The last query, without its semicolon, comments and the prose after it."""
    query, _ = extract_query(reply)
    assert query is not None
    assert query.rstrip(";").endswith("SELECT a FROM t")


DIFF = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


@pytest.mark.parametrize(
    "reply",
    [
        f"```diff\n{DIFF}```", f"~~~patch\n{DIFF}~~~", f"````diff\n{DIFF}````", f"```udiff\n{DIFF}```", f"```text\n{DIFF}```", f"Here: ```diff\n{DIFF}```",
        "1. Edit:\n\n" + _indent(f"```diff\n{DIFF}```", "   "), DIFF, f"```diff\n{DIFF}",
        "m.py\n```python\nx = 2\n```", "**m.py**\n\n~~~\nx = 2\n~~~", '```python title="m.py"\nx = 2\n```', "```python:m.py\nx = 2\n```", "1. `m.py`:\n\n    ```python\n    x = 2\n    ```\n", "```python\n# m.py\nx = 2\n```",
    ],
)  # fmt: skip
def test_edits(reply: str) -> None:
    """A diff or a whole file, in whatever fence: one change of m.py."""
    changes = find_changes(reply, {"m.py": "x = 1\n"})
    assert [change.new_path for change in changes] == [("b/m.py" if "+++ " in reply else "m.py")]


def test_a_diff_of_a_readme_may_have_fences() -> None:
    """A context line that is a fence, one space to the right, does not end the block."""
    text = "--- a/m.md\n+++ b/m.md\n@@ -1,3 +1,3 @@\n ```\n-x\n+y\n ```\n"
    (change,) = find_changes(f"```diff\n{text}```", {"m.md": "```\nx\n```\n"})
    assert change.hunks[0].new_lines == ["```", "y", "```"]
