"""Scorers of other packages: the example in docs/extending, and entry points that are at fault."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.scoring import make_scorer, scorer_descriptions
from gapbench.store import read_attempts
from gapbench.values import Sample, Score

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "extending" / "scorer.md"
EXAMPLE = ROOT / "docs" / "extending" / "examples" / "bench-roman"
SUITE = """\
name: numerals
models: [{id: m, runner: sim, weights: open, sim: {protocol: openai, skill: 1.0, ttft_s: 0.001, gap_s: 0}}]
tasks:
  - {name: numerals, category: reasoning, data: n.jsonl, prompt: "Write {n}.", target: "{n}", scorer: roman}
"""


def install(site: Path, distribution: str, modules: dict[str, str], entry_points: dict[str, str]) -> None:
    """Install a distribution as an installer does: modules, and a dist-info folder with its entry points."""
    for name, text in modules.items():
        (site / name).write_text(text, encoding="utf-8")
    info = site / f"{distribution.replace('-', '_')}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[bench.scorers]\n{lines}")


def install_example(site: Path) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(
        site,
        project["name"],
        {"bench_roman.py": (EXAMPLE / "bench_roman.py").read_text(encoding="utf-8")},
        project["entry-points"]["bench.scorers"],
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, on sys.path for the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) in {str(path) for path in tmp_path.glob("*.py")}:
            del sys.modules[name]


def test_the_page_shows_the_example() -> None:
    """Each file of the example is on the page, unchanged."""
    page = PAGE.read_text(encoding="utf-8")
    for file in ("pyproject.toml", "bench_roman.py"):
        assert (EXAMPLE / file).read_text(encoding="utf-8").strip() in page


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Answer: XIV", Score(1.0, "correct", "XIV", "XIV is 14")),
        ("14 is X + IV", Score(0.0, "wrong", "IV", "IV is 4, not 14")),
        ("fourteen", Score(0.0, "unparsed", reason="contains no Roman numeral")),
        (" ", Score(0.0, "unparsed", reason="the reply is empty")),
    ],
)
def test_the_example_scores(site: Path, reply: str, expected: Score) -> None:
    """An installed scorer is found by the name of its entry point."""
    install_example(site)
    assert expected == make_scorer("roman", {})(reply, Sample("s", (), target=14))


def test_options_of_an_installed_scorer_are_checked(site: Path) -> None:
    """As those of the built-in scorers are."""
    install_example(site)
    close = make_scorer("roman", {"tolerance": 1})("XV", Sample("s", (), target=14))
    assert close.outcome == "correct"
    with pytest.raises(InputError, match="has no option 'tolerence'; did you mean 'tolerance'"):
        make_scorer("roman", {"tolerence": 1})
    with pytest.raises(InputError, match="option 'tolerance' is 'one'; expected int"):
        make_scorer("roman", {"tolerance": "one"})


def test_an_installed_scorer_is_listed_and_suggested(site: Path) -> None:
    """After the built-in scorers, with its own line."""
    install_example(site)
    assert scorer_descriptions()["roman"] == "a Roman numeral equal to the target"
    with pytest.raises(InputError, match="no scorer 'romans'; did you mean 'roman'"):
        make_scorer("romans", {})


def test_a_sample_that_an_installed_scorer_cannot_score_is_known(site: Path) -> None:
    """Its own rule decides, and no reply is scored."""
    install_example(site)
    scorer, sample = make_scorer("roman", {}), Sample("s", (), target="many")
    assert scorer.unscorable_reason(sample) == "target 'many' is not a whole number"
    assert scorer("XIV", sample).outcome == "unscored"


def test_a_suite_runs_with_an_installed_scorer(site: Path, tmp_path: Path) -> None:
    """From the command line: the suite is valid, the sample runs, and a wrong option is refused."""
    install_example(site)
    suite = tmp_path / "suite.yaml"
    (tmp_path / "n.jsonl").write_text('{"n": 14}\n')

    def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gapbench.cli", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path), "PATH": os.defpath, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    suite.write_text(SUITE)
    done = bench("run", "suite.yaml", "--yes")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "results").iterdir()
    rows = read_attempts([run])
    assert rows["outcome"].tolist()[0] in {"correct", "wrong", "unparsed"}
    suite.write_text(SUITE.replace("scorer: roman", "scorer: {name: roman, close: 1}"))
    assert "scorer 'roman' has no option 'close'" in bench("validate", "suite.yaml").stderr


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module:Scorer", r"cannot import no_such_module:Scorer: ModuleNotFoundError"),
        ("faulty:Broken", r"cannot import faulty:Broken: AttributeError"),
        ("faulty:NoDataclass", "faulty:NoDataclass is not a scorer; it must be a dataclass"),
        ("faulty:function", "faulty:function is not a scorer"),
    ],
)
def test_a_faulty_entry_point_names_its_package(site: Path, value: str, problem: str) -> None:
    """Using it is an error; the list of scorers still works and shows the error."""
    install(
        site, "bench-faulty", {"faulty.py": "class NoDataclass: ...\ndef function(): ..."}, {"faulty": value}
    )
    with pytest.raises(SetupError, match=f"scorer 'faulty' of package bench-faulty 1: {problem}"):
        make_scorer("faulty", {})
    assert scorer_descriptions()["faulty"].startswith("not usable: scorer 'faulty'")


def test_a_built_in_scorer_cannot_be_replaced(site: Path) -> None:
    """Another package's `exact` is not used."""
    install(site, "bench-other", {}, {"exact": "no_such_module:Exact"})
    assert make_scorer("exact", {})("Paris", Sample("s", (), target="Paris")).outcome == "correct"


def test_two_packages_with_one_name_are_refused(site: Path) -> None:
    """Which one is used must not depend on the order of sys.path."""
    install_example(site)
    install(site, "bench-caesar", {}, {"roman": "bench_roman:Roman"})
    with pytest.raises(InputError, match=r"'roman' is registered by package bench-.* and package bench-"):
        make_scorer("roman", {})
