"""`bench view` on the command line."""

from __future__ import annotations

import builtins
import socket
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gapbench.cli import bench, invoke
from tests.run_folders import make_attempt, write_run


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit code and the error of a command."""
    code = invoke(["view", *arguments])
    return code, capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one line that says what to do."""
    code, error = said(capsys, str(tmp_path / "none"))

    assert (2, 1) == (code, error.count("\n"))
    assert "there is no folder" in error


def test_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the folder inside that has some."""
    write_run(tmp_path / "nightly" / "run-1", [make_attempt()])
    code, error = said(capsys, str(tmp_path))

    assert 2 == code
    assert f"holds no run; give {tmp_path / 'nightly'}" in error


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with the option to use."""
    write_run(tmp_path / "run-1", [make_attempt()])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code, error = said(capsys, str(tmp_path), "--no-browser", "--port", str(other.getsockname()[1]))

    assert 2 == code
    assert "give --port 0" in error


def test_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the command that installs them."""
    real = builtins.__import__

    def without_duckdb(name: str, *given: Any, **more: Any) -> Any:
        if name == "duckdb":
            raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without_duckdb)
    code, error = said(capsys, str(tmp_path))

    assert 2 == code
    assert "needs the package duckdb; install it with: pip install 'gapbench[view]'" in error


def test_an_export_needs_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to open."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_run(tmp_path / "results" / "run-1", [make_attempt()])
    result = CliRunner().invoke(
        bench, ["view", str(tmp_path / "results"), "--export", str(tmp_path / "site")]
    )

    assert 0 == result.exit_code, result.output
    assert f"1 runs in {tmp_path / 'site'}" in result.output.replace("\n", "")
    assert (tmp_path / "site" / "index.html").is_file()


def test_help_names_what_it_takes() -> None:
    """A results folder, a run, or an address."""
    text = CliRunner().invoke(bench, ["view", "--help"]).output

    assert "s3://" in text
    assert isinstance(bench, click.Group)
