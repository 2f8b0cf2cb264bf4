"""The six changes that CONTRIBUTING.md explains: how many files each touches, and that each works.

The four changes inside gapbench are patches in docs/extending/examples. They are applied to a copy of the sources, and a
suite runs with the copy. The scorer and the runner are packages; test_plugin_scorer.py and test_packaging.py install
and run them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "extending" / "examples"
SUITE = """\
name: recipe
models:
  - id: m
    runner: sim
    weights: open
    sim: {protocol: openai, skill: 1.0, ttft_s: 0.001, gap_s: 0, faults: {server_error: 0.3}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, prompt: "{question}", target: "{answer}", scorer: numeric}
retries: {jitter: none, attempts: 20, max_wait_s: 0.5}
loads: [{burst: {requests: 4, every_s: 0.1}, duration_s: 0.3}]
"""
SCRIPT = """\
import json
import traceback
from pathlib import Path
import gapbench

assert Path(gapbench.__file__).is_relative_to(Path.cwd())
run = gapbench.run("suite.yaml")
assert run.state == "complete", (run.state, run.failures)
rows = run.attempts()
problems = {}
for name, check in json.loads(Path("checks.json").read_text()).items():
    try:
        exec(check, {"gapbench": gapbench, "run": run, "rows": rows})
    except Exception:
        problems[name] = traceback.format_exc()
print(json.dumps(problems))
"""
CHECKS = {
    # The new column is in the Parquet files, and in the frame that analyses use.
    "attempt-column": """
import pyarrow.parquet

(part,) = run.folders[0].glob("attempts-*.parquet")
stored = pyarrow.parquet.read_table(part)
assert stored["chunk_count"].to_pylist() == [len(times) for times in stored["chunk_s"].to_pylist()]
assert rows["chunk_count"].max() > 0
""",
    # The new table is in the four outputs of a report.
    "report-table": """
import io, json
from rich.console import Console
from gapbench.report import html, markdown, terminal
from gapbench.report.results import load_results

results = load_results([run.folders[0]])
screen = io.StringIO()
Console(file=screen, width=200).print(*terminal.render_report(results))
for output in (screen.getvalue(), markdown.markdown_report(results), html.html_report(results)):
    assert "Length of answers" in output and "longest, characters" in output, output
(row,) = json.loads(json.dumps(results.to_json()))["tables"]["answer-lengths"]["rows"]
assert row["model_id"] == "m" and row["answers"] == 12 and row["max_chars"] > 0, row
""",
    # Every retry waits for the upper end of the back-off; a random wait would be shorter.
    "retry-policy": """
key = ["sample_id", "repeat"]
first = rows[rows["attempt"] == 1].set_index(key)["done_s"]
second = rows[rows["attempt"] == 2].set_index(key)["scheduled_s"]
waits = (second - first).dropna()
assert len(waits) and (waits >= 0.5).all(), waits
""",
    # Three bursts of four requests, 0.1 s apart.
    "load-shape": """
first = rows[rows["attempt"] == 1].sort_values("scheduled_s")
assert first["load_kind"].unique().tolist() == ["burst"]
assert first["scheduled_s"].round(3).tolist() == [0.0] * 4 + [0.1] * 4 + [0.2] * 4
assert (first["sent_s"] >= first["scheduled_s"]).all()
from gapbench.store import read_manifest

(cell,) = read_manifest(run.folders[0]).cells
assert cell.cell_id.endswith("burst4-0.1"), cell.cell_id
""",
    # The module of the package bench-roman, as a built-in scorer: one file.
    "built-in-scorer": """
from gapbench.scoring import make_scorer, scorer_descriptions
from gapbench.values import Sample

assert scorer_descriptions()["roman"] == "a Roman numeral equal to the target"
assert make_scorer("roman", {})("Answer: XIV", Sample("s", (), target=14)).outcome == "correct"
""",
}
BUILT_IN_SCORER = "harness/gapbench/scoring/scorers/roman.py"
LIMITS = {"attempt-column": 3, "report-table": 4, "retry-policy": 2, "load-shape": 2}


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is wrong by change: all are made in one copy of gapbench, which runs a suite that uses them."""
    folder = tmp_path_factory.mktemp("copy")
    for sources in ("harness", "runners"):
        # With what is compiled already: Python checks each file's time, which is copied too. Another process may be
        # compiling; its temporary files are left out.
        shutil.copytree(ROOT / sources, folder / sources, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(EXAMPLES / "bench-roman" / "bench_roman.py", folder / BUILT_IN_SCORER)
    for change in LIMITS:
        applied = subprocess.run(
            ["git", "apply", str(EXAMPLES / f"{change}.patch")],
            cwd=folder,
            # Outside a repository, git applies to the working folder.
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert applied.returncode == 0, f"{change}.patch: {applied.stderr}"
    samples = (f'{{"question": "What is {n} + 1?", "answer": {n + 1}}}\n' for n in range(4))
    (folder / "q.jsonl").write_text("".join(samples))
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "checks.json").write_text(json.dumps(CHECKS))
    (folder / "check.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "check.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(folder / sources) for sources in ("harness", "runners")),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def touched_files(patch: Path) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("change", sorted(LIMITS))
def test_a_change_touches_few_files(change: str) -> None:
    """As many as CONTRIBUTING.md says, all of them sources."""
    files = touched_files(EXAMPLES / f"{change}.patch")

    assert 1 <= len(files) <= LIMITS[change], files
    assert all(file.startswith("harness/gapbench/") for file in files)
    recipes = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (counted,) = re.findall(rf"(\d) files?[^\n]*{change}\.patch", recipes)
    assert len(files) == int(counted)


@pytest.mark.parametrize("change", sorted(CHECKS))
def test_a_change_works(change: str, problems: dict[str, str]) -> None:
    """The suite runs, and what the change adds is there."""
    assert change not in problems, problems[change]


@pytest.mark.parametrize(
    ("package", "group", "limit"),
    [
        ("bench-roman", "bench.scorers", 2),
        ("bench-echo", "bench.runners", 2),
        ("bench-csvlog", "bench.importers", 2),
    ],
)
def test_a_package_is_one_module_and_an_entry_point(package: str, group: str, limit: int) -> None:
    """Nothing in gapbench changes for a scorer, a runner or a log importer of another package."""
    files = sorted(
        path for path in (EXAMPLES / package).rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    project = tomllib.loads((EXAMPLES / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert limit == len(files), files
    assert [path.name for path in files] == [f"{package.replace('-', '_')}.py", "pyproject.toml"]
    assert 1 == len(project["entry-points"][group])
