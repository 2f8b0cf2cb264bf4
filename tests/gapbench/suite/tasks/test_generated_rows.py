"""Rows made by code, and who may run code."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.errors import DocumentError
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.generated_rows import generate_rows
from gapbench.suite.tasks.loader import load_task, read_task

ROWS = "def rows(count):\n    return [{'q': f'{n} + 1?', 'a': n + 1} for n in range(count)]\n"
TASK = """\
name: made
category: reasoning
data: {generator: rows.py, arguments: {count: 3}}
prompt: "{q}"
target: "{a}"
scorer: numeric
"""


def test_rows_with_a_hash_of_them_all(tmp_path: Path) -> None:
    """The first two of three, and the hash that three have."""
    file = tmp_path / "rows.py"
    file.write_text(ROWS)
    first, digest = generate_rows(file, {"count": 3}, lambda _: {1, 0})

    assert [{"q": "0 + 1?", "a": 1}, {"q": "1 + 1?", "a": 2}] == first
    assert digest == generate_rows(file, {"count": 3}, None)[1]
    assert digest != generate_rows(file, {"count": 4}, None)[1]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def rows(count):\n    raise OSError('gone')\n", "raised OSError: gone"),
        ("def rows(count):\n    return []\n", "no rows"),
        ("def rows(count):\n    return [1]\n", "other than mappings"),
        ("x = (\n", "raised SyntaxError"),
    ],
)
def test_a_bad_generator_is_told_in_one_line(tmp_path: Path, code: str, said: str) -> None:
    """With the file's name."""
    file = tmp_path / "rows.py"
    file.write_text(code)
    with pytest.raises(DocumentError, match=said):
        generate_rows(file, {"count": 1}, None)


def test_a_users_generator_runs_only_where_code_is_allowed(tmp_path: Path) -> None:
    """The same task with and without --allow-code."""
    (tmp_path / "rows.py").write_text(ROWS)
    (tmp_path / "task.yaml").write_text(TASK)
    document, source = read_task(tmp_path / "task.yaml")
    with pytest.raises(DocumentError, match=r"task.yaml:3: data: .*rows.py is code .* --allow-code"):
        load_task(document, source, None)

    assert 3 == len(load_task(document, source, None, allow_code=True).samples)


def test_a_users_judge_runs_only_where_code_is_allowed(tmp_path: Path) -> None:
    """`scorer: {python: …}` in a suite."""
    (tmp_path / "q.jsonl").write_text('{"q": "1?", "a": 1}\n')
    (tmp_path / "s.yaml").write_text(
        "name: s\nmodels: [{id: m, runner: sim, weights: open}]\n"
        'tasks: [{name: t, category: reasoning, data: q.jsonl, prompt: "{q}", scorer: {python: "os:fspath"}}]\n'
    )
    suite = load_suite(tmp_path / "s.yaml")
    with pytest.raises(DocumentError, match="os:fspath is code that judges"):
        suite.load_tasks()
    task = suite.load_tasks(allow_code=True)[0]

    assert "python" == task.scorer_name
    assert {"function": "os:fspath", "folder": str(tmp_path.resolve())} == task.scorer_options
