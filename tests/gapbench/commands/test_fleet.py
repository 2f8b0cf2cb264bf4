"""`bench fleet` as a user runs it: from a traffic table and a run, in text, Markdown and JSON, and with wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.commands.price_options import PriceOptions
from gapbench.commands.tco import BlockInFolder, read_money, scenario_from_options
from gapbench.suite.tco_fields import TcoDocument
from tests.run_folders import make_attempt, write_run
from tests.traffic_logs import import_files
from tests.two_models import command_output

MONDAY = pd.Timestamp("2026-06-01", tz="UTC")
GIVEN = (
    "--set",
    "replica_requests_per_s=0.01",
    "--set",
    "engineers=0",
    "--set",
    "updates_per_year=0",
    "--set",
    "gpus_per_replica=1",
    "--set",
    "usd_per_gpu_hour=0.01..0.02..0.03",
    "--growth",
    "2",
)
DEAR = ("--set", "closed_input_usd_per_mtok=900", "--set", "closed_output_usd_per_mtok=900", "--api", "closed")  # fmt: skip


def write_table(folder: Path, days: int = 14) -> Path:
    """Write a table with a request each half hour, every second one of the route `nightly`."""
    records = [
        {
            "timestamp": (MONDAY + pd.Timedelta(minutes=30 * number + 1)).isoformat(), "provider": "openai",
            "route": "nightly" if number % 2 else "chat",
            "request": {"model": "gpt-5.2", "messages": [{"role": "user", "content": f"question {number}"}]},
            "response": {
                "id": f"r-{number}", "model": "gpt-5.2", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 1000},
            },
        }
        for number in range(days * 48)
    ]  # fmt: skip
    import_files(folder, {"log.jsonl": records})
    return folder / "traffic.parquet"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("traffic"))


def read_plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command_output(capsys, "fleet", *arguments, "--json"))
    return found


def test_the_answer_comes_first(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to do, what it costs and what that saves; no line is wider than the terminal; Markdown has the same."""
    monkeypatch.setenv("COLUMNS", "80")
    page = tmp_path / "plan.md"
    text = command_output(
        capsys, "fleet", str(table), *GIVEN, *DEAR, "--wait-route", "nightly", "--md", str(page)
    )

    first = " ".join(text.split("\n\n")[0].split())
    assert first.startswith("Reserve 2 x H100-80GB (2 replicas)")
    assert "less than all closed (95 % $" in first
    assert 80 >= max(map(len, text.splitlines()))
    for part in ("Dollars a month", "Replicas on", "2 x the requests", "may wait: requests of nightly"):
        assert part in text
    assert page.read_text(encoding="utf-8").startswith("# Fleet plan\n\nReserve 2 x H100")


def test_json_has_the_plan_of_each_hour(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """168 hours; the parts of the requests add up to all of them; the plan is proven."""
    plan = read_plan(
        capsys, str(table), *GIVEN, "--may-wait", "0.5", "--hosted", "groq/llama-3.3-70b-versatile"
    )

    assert [168] * 4 == [
        len(plan[name]) for name in ("rented_replicas", "live_sent", "wait_sent", "fits_probability")
    ]
    assert (
        2 * 730.5
        == pytest.approx(sum(plan["requests"].values()))
        == pytest.approx(plan["requests_a_month"]["value"])
    )
    assert plan["mip_gap"] <= 1e-6
    assert ["plan", "closed", "hosted", "self"] == [row["name"] for row in plan["options"]]
    assert 0.95 <= min(plan["fits_probability"])


def test_capacity_and_prices_of_a_run_are_those_of_tco(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands read one set of inputs; the closed API is the run's."""
    own = {"runner": "vllm", "cost": {"gpu": "H100-80GB", "gpus": 4, "usd_per_gpu_hour": 2.95}}
    rows = [
        make_attempt(model_id=model, sample_id=str(k)) for model in ("closed-a", "open-a") for k in range(30)
    ]
    run = write_run(tmp_path / "run-1", rows, open_a=own)
    plan = read_plan(capsys, str(table), "--run", str(run), "--growth", "2")
    legs = read_money((run,), PriceOptions()).legs
    of_tco = scenario_from_options(BlockInFolder(TcoDocument(), tmp_path), run=legs).inputs
    inputs = {name: given.to_json() for name, given in of_tco.items()}

    for name in ("replica_requests_per_s", "gpus_per_replica", "usd_per_gpu_hour", "engineers"):
        assert inputs[name] == plan["inputs"][name]
    assert any("closed-a" in row["label"] for row in plan["options"])
    size = (inputs["input_tokens"]["value"] + inputs["output_tokens"]["value"]) / 2000
    served = inputs["replica_requests_per_s"]["value"] * inputs["headroom"]["value"] * 3600 * size
    assert served == pytest.approx(plan["capacity_per_replica_hour"])


def test_a_setting_that_the_tables_replace_is_named(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether a request is cached or waits is known of each."""
    plan = read_plan(capsys, str(table), *GIVEN, "--set", "batch_share=0.5", "--set", "cached_share=0.5")

    assert (
        "--set batch_share, cached_share changes nothing: the tables have it for each request"
        in plan["notes"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the capacity of your GPUs is not known: name a sweep of rates with --run"),
        ((*GIVEN, "--may-wait", "0.1", "--wait-route", "chat"), "--may-wait and --wait-route are both given"),
        ((*GIVEN, "--wait-route", "faq"), "--wait-route 'faq'; the routes of these tables are"),
        ((*GIVEN, "--closed", "gpt-5.2"), "--closed 'gpt-5.2'; write PROVIDER/MODEL"),
        ((*GIVEN, "--hosted", "nobody/m"), "provider 'nobody'"),
        ((*GIVEN, "--set", "nothing=1"), "there is no input 'nothing'; there are: input_tokens"),
        ((*GIVEN, "--set", "gpus=1"), "there is no input 'gpus'; did you mean 'gpus_per_replica'?"),
        ((*GIVEN, "--set", "enginers=1"), "there is no input 'enginers'; did you mean 'engineers'?"),
        ((*GIVEN, "--ttft", "1"), "--ttft is about a run, and none is named"),
    ],
)
def test_wrong_input_is_one_line(
    table: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2, what was found and what to do."""
    assert words in command_output(capsys, "fleet", str(table), *arguments, code=2)


def test_a_short_log_and_another_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three days, and a file that is no table."""
    short = write_table(tmp_path, days=3)
    (tmp_path / "other.parquet").write_text("no table", encoding="utf-8")

    assert "cover 3 whole days" in command_output(capsys, "fleet", str(short), *GIVEN, code=2)
    assert "cannot be read" in command_output(
        capsys, "fleet", str(tmp_path / "other.parquet"), *GIVEN, code=2
    )


def test_the_audit_prints_the_same_requests_a_month(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """48 a day: 48 · 365.25 / 12 = 1,461 in both, whole."""
    audit = command_output(capsys, "traffic", "audit", str(table))
    plan = command_output(capsys, "fleet", str(table), *GIVEN, *DEAR)

    assert "You send 1,461 requests" in audit
    assert "Of 1,461 requests a month" in " ".join(plan.split())
