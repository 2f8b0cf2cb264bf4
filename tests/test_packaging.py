"""Outside the checkout: the wheel has the command, the tasks, the price book; a stranger's runner installs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAME_AND_VERSION = f"gapbench-{version('gapbench')}.dist-info"
LOCKS = sorted(path for path in (ROOT / "requirements").glob("*.txt") if "overrides" not in path.name)
EXAMPLE = ROOT / "docs" / "extending" / "examples" / "bench-echo"
SUITE = """\
name: strange
models: [{id: echo, runner: echo, weights: closed, word: 2}]
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, prompt: "{question}", target: "{answer}", scorer: numeric}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and a third party's runner, on top of this one's packages."""
    folder = tmp_path_factory.mktemp("outside")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    plug_in = shutil.copytree(EXAMPLE, folder / "bench-echo")
    python = folder / "venv" / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=plug_in,
        check=True,
        capture_output=True,
    )
    subprocess.run([*install, str(next((plug_in / "dist").glob("*.whl")))], check=True, capture_output=True)
    # The dependencies are this environment's: what is tested is ours, and nothing is downloaded.
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(ours + "\n")
    return folder


def outside(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    bench = environment / "venv" / "bin" / "bench"
    return subprocess.run(
        [str(bench), *arguments], cwd=environment, capture_output=True, text=True, check=False
    )


def test_the_gpu_machine_gets_the_vllm_that_the_cpu_tests_run() -> None:
    """And the clients and the transport of the development lock: what was tested is what the nightly runs."""
    gpu, cpu, dev = (_pins(name) for name in ("gpu", "vllm-cpu", "dev"))
    ours = (
        "openai",
        "anthropic",
        "google-genai",
        "httpx2",
        "pydantic",
        "pyarrow",
        "pandas",
        "orjson",
        "uvloop",
    )

    assert cpu["vllm-cpu"] == gpu["vllm"]
    assert {name: dev[name] for name in ours} == {name: gpu[name] for name in ours}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_its_version_and_hashes(lock: Path) -> None:
    """Nothing else: no host, no folder of a machine, no package without a hash."""
    text = lock.read_text()

    assert re.fullmatch(
        r"([\w.-]+==[\w.+!]+( ; [^\n\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+)+", text
    )


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def test_the_wheel_holds_what_a_user_needs(wheel: Path) -> None:
    """Tasks with their data and images, suites, the price book, the evidence, the rules, the templates; no tests."""
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "gapbench/builtin_tasks/suites/quickstart.yaml", "gapbench/builtin_tasks/coding/functions/samples.jsonl", "gapbench/builtin_tasks/multimodal/charts/task.yaml",
        "gapbench/pricing/data/prices.yaml", "gapbench/analysis/article/data/evidence.csv", "gapbench/analysis/article/data/evidence_sources.csv",
        "gapbench/analysis/article/data/evidence_snapshots.csv", "gapbench/analysis/article/data/arena_series.csv", "gapbench/analysis/article/data/article.yaml", "gapbench_runners/support/model_rules.json", "gapbench/py.typed",
    ):  # fmt: skip
        assert needed in names, needed
    assert any(name.endswith(".png") for name in names)
    assert {name.split("/")[0] for name in names} <= {"gapbench", "gapbench_runners", NAME_AND_VERSION}


def test_the_command_finds_the_built_in_suites_outside_the_checkout(environment: Path) -> None:
    """By name, and by the path that the README uses."""
    for suite in ("quickstart", "tasks/suites/quickstart.yaml"):
        planned = outside(environment, "plan", suite)
        assert 0 == planned.returncode, planned.stderr
        assert "sim-closed-a" in planned.stdout


def test_a_third_partys_runner_is_found_and_runs(environment: Path) -> None:
    """One module and an entry point: it is listed, checked by the doctor, run, and its version recorded."""
    (environment / "q.jsonl").write_text('{"question": "What is 5 ?", "answer": 5}\n')
    (environment / "strange.yaml").write_text(SUITE)
    listed = outside(environment, "list", "runners")
    checked = outside(environment, "doctor")
    ran = outside(environment, "run", "strange.yaml", "--yes", "--out", "echoes")
    manifest = json.loads(next((environment / "echoes").glob("*/run.json")).read_text())

    assert "bench_echo:EchoRunner  (bench-echo)" in listed.stdout
    assert re.search(r"^yes  bench-echo +1$", checked.stdout, re.MULTILINE), checked.stdout
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert "100.0" in ran.stdout
    assert "1" == manifest["versions"]["bench-echo"]


def test_a_third_partys_closed_model_on_the_command_line_is_closed(environment: Path) -> None:
    """Its runner says so; no list in the engine knows the vendor."""
    (environment / "q.jsonl").write_text('{"question": "What is 5 ?", "answer": 5}\n')
    (environment / "strange.yaml").write_text(SUITE)
    ran = outside(environment, "run", "strange.yaml", "--model", "echo:other", "--yes", "--out", "others")
    manifest = json.loads(next((environment / "others").glob("*/run.json")).read_text())

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert [("other", "closed")] == [(model["id"], model["weights"]) for model in manifest["models"]]


def test_the_page_shows_the_package_that_is_built_here() -> None:
    """Every file of the example is in docs/extending/runner.md as it is."""
    page = (EXAMPLE.parents[1] / "runner.md").read_text()

    for file in EXAMPLE.glob("*.*"):
        assert f"\n{file.read_text()}```\n" in page, file.name


def test_simulated_providers_start_outside_the_checkout(environment: Path) -> None:
    """The sim server is in the wheel too."""
    ran = outside(
        environment, "run", "quickstart", "--limit", "2", "--model", "sim-closed-b", "--yes", "--quiet"
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_a_users_own_modules_do_not_hide_ours(environment: Path) -> None:
    """Next to a project's own tasks.py, runners.py and harness.py on the path, a suite runs."""
    project = environment / "project"
    project.mkdir()
    for name in ("tasks", "runners", "harness"):
        (project / f"{name}.py").write_text(f'raise SystemExit("the user\'s {name}.py was imported")\n')
    bench = environment / "venv" / "bin" / "bench"
    for words in (
        ["list", "tasks"],
        ["run", "quickstart", "--limit", "1", "--model", "sim-closed-b", "--yes"],
    ):
        ran = subprocess.run(
            [str(bench), *words],
            cwd=project,
            env={**os.environ, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_the_tutorial_leads_from_the_install_to_one_page_in_ten_commands(environment: Path) -> None:
    """Its files and commands as a reader takes them; the fixture has installed the wheel, which is the first command."""
    page = (ROOT / "docs" / "tutorial" / "decision.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    ((_, script),) = [block for block in blocks if block[0] == "python"]
    ((_, models),) = [block for block in blocks if block[0] == "yaml"]
    commands = [line for kind, text in blocks if kind == "bash" for line in text.splitlines()]
    (ran,) = [
        line[2:]
        for kind, text in blocks
        if kind == "console"
        for line in text.splitlines()
        if line[:2] == "$ "
    ]
    commands.insert(commands.index("bench gap"), ran)
    folder = environment / "tutorial"
    folder.mkdir()
    (folder / "make_tickets.py").write_text(script)

    for command in commands[1:]:
        bash(environment, folder, command)
        if command.startswith("bench init"):
            suite = (folder / "tickets.yaml").read_text()
            (folder / "tickets.yaml").write_text(
                re.sub(r"models:\n.*?\n(?=\ntasks:)", models, suite, flags=re.DOTALL)
            )

    assert commands[0].startswith("pip install gapbench")
    assert len(commands) <= 10
    assert (folder / "decision.pdf").read_bytes().startswith(b"%PDF-")


def bash(environment: Path, folder: Path, command: str) -> None:
    """Run a command of the tutorial with the environment's programs first on the path."""
    path = f"{environment / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )  # fmt: skip
    # `bench doctor` exits with 1 where a key is missing.
    assert ran.returncode == 0 or command == "bench doctor", f"{command}\n{ran.stdout}{ran.stderr}"
