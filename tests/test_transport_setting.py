"""`transport: httpx2`: the user's off switch for our own transport, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.store import read_attempts
from tests.two_models import SUITE, command_output, write_suite


@pytest.mark.parametrize("concurrency", [4, 300], ids=["one process", "workers"])
def test_httpx2_sends_every_request_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], concurrency: int
) -> None:
    """Rows and run.json say which code sent; the gap table says that such times have no kernel stamps."""
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path)
    suite = SUITE.replace("id: open,", "id: open, transport: httpx2,")
    Path("suite.yaml").write_text(f"{suite}loads: [{{concurrency: {concurrency}}}]\n")
    command_output(capsys, "run", "suite.yaml", "--yes", "--quiet")
    folder = next(Path("results").iterdir())
    rows = read_attempts([folder]).to_dict("records")
    manifest = json.loads((folder / "run.json").read_text())
    gap = json.loads(command_output(capsys, "gap", str(folder), "--json"))

    assert {("open", "httpx2"), ("closed", "lean")} == {(row["model_id"], row["transport"]) for row in rows}
    assert all(row["sent_s"] < row["first_byte_s"] for row in rows)
    assert {"open": "httpx2", "closed": "lean"} == {
        model["id"]: model["transport"] for model in manifest["models"]
    }
    assert ["open"] == [
        line.partition(":")[0] for line in gap["fairness"] if "no kernel receive stamps" in line
    ]


def test_the_suites_transport_holds_for_a_model_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that is not in the suite is sent as the suite says."""
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path)
    Path("suite.yaml").write_text(SUITE + "transport: httpx2\n")
    command_output(capsys, "run", "suite.yaml", "--model", "sim:other", "--limit", "2", "--yes", "--quiet")
    folder = next(Path("results").iterdir())

    assert {"httpx2"} == set(read_attempts([folder])["transport"])
