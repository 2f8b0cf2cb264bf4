"""What a run would send and cost at most, before anything is sent."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from gapbench.cli import invoke
from tests.two_models import SUITE, command_output


def test_a_dry_run_calls_nobody(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan is shown and no folder is made."""
    output = command_output(capsys, "run", "suite.yaml", "--dry-run")

    assert "2 cells, 60 requests" in output
    assert not (here / "results").exists()


def test_the_plan_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells, and what each model can cost at most."""
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--limit", "3", "--json"))

    assert [3, 3] == [cell["requests"] for cell in shown["cells"]]
    assert ["open", "closed"] == [bound["model"] for bound in shown["bounds"]]


def test_a_paid_plan_has_a_bound(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-5.2 at $14 a million output tokens: 30 calls x 64 tokens are at least $0.0268."""
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--model", "openai:gpt-5.2", "--json"))

    assert 30 * 64 * 14 / 1e6 <= float(shown["bounds"][0]["usd_max"]) < 0.05


def test_a_bound_in_dollars_needs_a_price(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls without a price count as nothing, so the bound would never be met."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    line = command_output(
        capsys, "run", "suite.yaml", "--model", "openai:gpt-unheard-of", "--max-usd", "3", "--yes", code=2
    )

    assert "the price of model 'gpt-unheard-of' is unknown" in line
    assert "input_usd_per_mtok" in line
    assert not (here / "results").exists()


def test_a_gateway_without_a_key_has_its_bill_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Closed weights at an address of one's own are somebody's API behind it."""
    gateway = "- {id: closed, runner: openai, weights: closed, base_url: 'http://127.0.0.1:1/v1'}"
    Path("suite.yaml").write_text(re.sub(r"- \{id: closed.*", gateway, SUITE))

    assert "the price of model 'closed' is unknown" in command_output(
        capsys, "run", "suite.yaml", "--max-usd", "3", code=2
    )


def test_a_plan_without_a_price_names_no_bound(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not `at most $0.00` of a price that nobody knows; and without a terminal nobody is asked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    assert 2 == invoke(["run", "suite.yaml", "--model", "openai:gpt-unheard-of"])
    output = capsys.readouterr()
    assert "$" not in output.out
    assert "cost bound unknown for gpt-unheard-of" in output.out
    assert "no terminal to ask 'Start the run?'; add --yes" in output.err


def test_gpus_of_ones_own_are_not_billed_by_the_call(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the server asks for a key: nobody is asked, and a bound in dollars is none of its."""
    monkeypatch.setenv("OWN_KEY", "sk-test")
    own = (
        "base_url: 'http://127.0.0.1:1/v1', key_env: OWN_KEY, cost: {gpu: H100-80GB, usd_per_gpu_hour: 2.95}"
    )
    model = f"- {{id: open, runner: openai, weights: open, {own}}}"
    Path("suite.yaml").write_text(re.sub(r"- \{id: open.*", model, SUITE))
    shown = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))

    assert [False, False] == [bound["metered"] for bound in shown["bounds"]]


def test_a_plan_shows_a_search_and_the_most_it_can_send(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two levels, each tried three times at most, at up to 2 a second for a second: (1 + 1) x 3 tries x 3 requests."""
    search = "loads: [{search: {slo: {ttft_s: 1}, from_rps: 1, to_rps: 2, tolerance: 1}, duration_s: 1}]\n"
    Path("suite.yaml").write_text(SUITE + search)
    plan = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))

    assert ["search 1 to 2 rps"] * 2 == [cell["load"] for cell in plan["cells"]]
    assert [18, 18] == [cell["requests"] for cell in plan["cells"]]
    assert [18, 18] == [bound["calls"] for bound in plan["bounds"]]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_name_of_a_plan_is_cut(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """A long name is folded."""
    monkeypatch.setenv("COLUMNS", str(columns))
    Path("suite.yaml").write_text(
        SUITE.replace("name: sums", "name: sums-of-two-whole-numbers-below-a-hundred")
    )
    output = command_output(capsys, "plan", "suite.yaml")

    assert "…" not in output
    assert columns < 120 or "sums-of-two-whole-numbers-below-a-hundred" in output


def test_the_doctor_says_which_models_it_did_not_call(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line at all would look like a failure."""
    assert [
        "yes  open                   not called: simulated",
        "yes  closed                 not called: simulated",
    ] == command_output(capsys, "doctor", "suite.yaml").splitlines()
