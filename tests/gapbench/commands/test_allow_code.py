"""Code that a suite names runs on the word of this command line alone, never on that of a run folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gapbench.cli import invoke
from tests.two_models import SUITE, write_suite

FOREIGN = (
    SUITE.replace("scorer: numeric", 'scorer: {python: "foreign_code:judge"}')
    + "judges: [{id: jury, runner: sim, weights: closed, sim: {protocol: openai}}]\n"
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that is not complete, whose own word allows code, beside a suite that names a module which says that it ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "foreign_code", raising=False)
    write_suite(tmp_path)
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "2"])
    folder = next((tmp_path / "results").iterdir())
    manifest = json.loads((folder / "run.json").read_text())
    manifest["selection"]["allow_code"] = True
    (folder / "run.json").write_text(json.dumps(manifest))
    (tmp_path / "foreign_code.py").write_text(
        "from pathlib import Path\nPath('it-ran').touch()\n\ndef judge(reply, row):\n    return 1\n"
    )
    (tmp_path / "suite.yaml").write_text(FOREIGN)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--yes", "--resume"),
        ("run", "--dry-run", "--resume"),
        ("judge", "--yes"),
        ("arena", "--yes", "--judge", "jury"),
        ("score",),
    ],
)
def test_a_run_folder_allows_nothing(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Refused, with the flag that would allow it; the module was not even imported."""
    assert 2 == invoke([*arguments, str(run)])

    assert "add --allow-code" in capsys.readouterr().err
    assert not Path("it-ran").exists()


def test_an_arena_by_scores_needs_no_code(run: Path) -> None:
    """The suite is only asked whether it names a judge."""
    assert 0 == invoke(["arena", str(run), "--json"])
    assert not Path("it-ran").exists()


@pytest.mark.parametrize("command", ["run", "plan", "validate", "try"])
def test_a_suite_allows_nothing(run: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Neither when it is run nor when it is only looked at."""
    assert 2 == invoke([command, "suite.yaml"])

    assert "add --allow-code" in capsys.readouterr().err
    assert not Path("it-ran").exists()


SERVED = "  - {{id: served, runner: vllm, weights: open, {}}}\n"


@pytest.mark.parametrize("command", ["run", "plan", "validate", "try"])
@pytest.mark.parametrize(
    ("where", "given", "key"),
    [
        ("models", "serve: {command: [touch, it-ran]}", "models[0].serve.command"),
        ("models", "serve: {python: ./python}", "models[0].serve.python"),
        ("models", "serve: {env: {LD_PRELOAD: ./it.so}}", "models[0].serve.env.LD_PRELOAD"),
        ("models", "options: {serve: {command: [touch, it-ran]}}", "models[0].options.serve.command"),
        ("judges", "serve: {command: [touch, it-ran]}", "judges[0].serve.command"),
    ],
)
def test_a_server_that_the_suite_names_is_code_too(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, where: str, given: str, key: str
) -> None:
    """Told with its place."""
    suite = SUITE if where in SUITE else f"{SUITE}{where}:\n"
    (here / "suite.yaml").write_text(suite.replace(f"{where}:\n", f"{where}:\n{SERVED.format(given)}"))

    assert 2 == invoke([command, "suite.yaml"])
    said = capsys.readouterr().err
    assert (key in said, "add --allow-code" in said) == (True, True)


def test_a_server_of_the_suite_with_settings_alone_is_no_code(here: Path) -> None:
    """The vLLM that is installed serves, and is not named."""
    serve = "serve: {gpus: 2, args: [--max-model-len, '8192'], env: {HF_HUB_OFFLINE: '1'}}"
    (here / "suite.yaml").write_text(SUITE.replace("models:\n", f"models:\n{SERVED.format(serve)}"))

    assert 0 == invoke(["validate", "suite.yaml"])


def test_the_command_line_allows_it(run: Path) -> None:
    """For this call."""
    assert 0 == invoke(["score", str(run), "--allow-code"])
    assert Path("it-ran").exists()


def test_an_imported_run_has_no_suite_to_judge_by(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, not a missing key."""
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "selection": {"imported": ["log.json"]}}))

    assert 2 == invoke(["judge", str(run), "--yes"])
    assert "it does not say which suite was run" in capsys.readouterr().err
