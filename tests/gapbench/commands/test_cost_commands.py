"""The commands of money: prices, cost, tco, tiers, advise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke
from tests.two_models import SUITE, command_output


def test_total_cost_without_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """Published capacity and list prices: three legs, and every assumption named."""
    found = json.loads(command_output(capsys, "tco", "--volume", "50M", "--draws", "100", "--json"))

    assert ["closed", "hosted", "self"] == [row["leg"] for row in found["legs"]]
    assert 50 == found["volume_mtok"]
    assert any("assumed, not given" in line for line in found["warnings"])


def test_total_cost_of_a_block(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tco: block stands in a suite or alone; a setting stands above it; pictures go where asked."""
    Path("tco.yaml").write_text(
        "tco: {volume: 2B, engineers: 1, closed: {provider: openai, model: gpt-5.2}}\n"
    )
    found = json.loads(
        command_output(capsys, "tco", "tco.yaml", "--set", "engineers=0", "--draws", "100", "--json")
    )
    command_output(capsys, "tco", "tco.yaml", "--draws", "100", "--plots", "plots")

    assert 2_000 == found["volume_mtok"]
    assert 0 == found["inputs"]["engineers"]["value"]
    assert (here / "plots" / "cost_volume.svg").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["tco", "--volume", "lots"],
        ["tco", "--set", "nonsense=1"],
        ["tco", "--set", "engineers"],
        ["tco", "q.jsonl"],
        ["tco", "--price", "open.gpus=2"],
        ["tco", "suite.yaml", "--suite", "other.yaml"],
        ["tco", "--volume", "0-requests"],
        ["tco", "--volume", "80X"],
        ["tco", "missing.yaml"],
        ["prices", "show", "no-such-model"],
        ["prices", "check", "--against", "suite.yaml"],
        ["tiers", "missing"],
        ["advise", "--run", "missing"],
    ],
)
def test_money_that_cannot_be_said(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """One line and exit 2."""
    command_output(capsys, *arguments, code=2)


def test_a_block_with_a_slip_names_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line and key."""
    Path("tco.yaml").write_text("tco:\n  volume: 2B\n  enginers: 1\n")

    assert "tco.yaml:3" in command_output(capsys, "tco", "tco.yaml", code=2)


def test_capacity_from_a_sweep(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep of rates gives capacity, request sizes, the GPUs' price and the closed price; simulated is said."""
    loads = "loads:\n  - {rate_rps: 20, arrivals: constant, duration_s: 1}\n  - {rate_rps: 40, arrivals: constant, duration_s: 1}\n"
    Path("sweep.yaml").write_text(SUITE + loads)
    command_output(capsys, "run", "sweep.yaml", "--yes", "--quiet")
    run = next((here / "results").iterdir())
    asked = ["tco", "--run", str(run), "--response", "2", "--attainment", "0.5", "--draws", "100", "--json"]
    found = json.loads(command_output(capsys, *asked))
    without = json.loads(
        command_output(capsys, "tco", "--run", str(run), "--volume", "1B", "--draws", "100", "--json")
    )

    assert found["simulated"]
    assert (
        "measured"
        == found["inputs"]["replica_requests_per_s"]["kind"]
        == found["inputs"]["closed_billed_factor"]["kind"]
    )
    assert 2.95 == found["inputs"]["usd_per_gpu_hour"]["value"]
    assert any("rates were measured, but no limits are known" in line for line in without["warnings"])


def test_total_cost_of_a_plain_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without rates gives its prices, sizes and the throughput at its load, and says that this is all it shows."""
    found = json.loads(
        command_output(capsys, "tco", "--run", str(finished), "--draws", "100", "--volume", "1B", "--json")
    )

    assert {"measured"} == {
        found["inputs"][name]["kind"] for name in ("input_tokens", "input_share", "replica_requests_per_s")
    }
    assert 2.95 == found["inputs"]["usd_per_gpu_hour"]["value"]
    assert any("a sweep of rates would show" in line for line in found["warnings"])


def test_a_setting_of_tokens_changes_capacity_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Half the tokens a request: twice the requests a second, and the mix that they say."""
    asked = ["tco", "--draws", "100", "--json", "--volume", "1B"]
    base = json.loads(command_output(capsys, *asked))
    half = json.loads(
        command_output(capsys, *asked, "--set", "input_tokens=750", "--set", "output_tokens=250")
    )

    assert 2 == pytest.approx(
        half["inputs"]["replica_requests_per_s"]["value"] / base["inputs"]["replica_requests_per_s"]["value"]
    )
    assert "input_share" not in half["inputs"]


def test_a_guarantee_of_a_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """30 tasks guarantee nothing, and nothing is exported; the answer is printed all the same."""
    asked = ["tiers", str(finished), "--guarantee", "1pp@95%"]
    found = json.loads(command_output(capsys, *asked, "--json"))

    assert (30, False, None) == (found["n"], found["guaranteed"], found["rule"])
    assert "Nothing can be guaranteed" in command_output(capsys, *asked)
    assert 2 == invoke([*asked, "--export", "litellm.yaml"])
    assert "nothing is guaranteed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--guarantee", "1pp"],
        ["--export", "litellm.yaml"],
        ["--tasks-per-month", "1000"],
        ["--guarantee", "1pp@95%", "--purpose-built", "open"],
        ["--guarantee", "1pp@95%", "--plots", "plots"],
    ],
)
def test_a_guarantee_that_cannot_be_asked_for(
    finished: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """One line and exit 2."""
    command_output(capsys, "tiers", str(finished), *options, code=2)


def test_tiers_and_advice_of_a_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both speak of the run, and say that it was simulated."""
    tiers = json.loads(command_output(capsys, "tiers", str(finished), "--json"))
    advice = json.loads(command_output(capsys, "advise", "--run", str(finished), "--volume", "50M", "--json"))

    assert (30, True) == (tiers["n"], tiers["simulated"])
    assert advice["simulated"]
    assert any("measured gap" in line for line in advice["because"])
    assert "SIMULATED" in command_output(capsys, "tiers", str(finished))
    assert "Recommendation" in command_output(capsys, "advise", "--volume", "50M")


def test_advice_prices_the_closed_model_that_was_measured(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """$5 and $25 a million as its suite says, and not the default's list price."""
    advice = json.loads(command_output(capsys, "advise", "--run", str(finished), "--volume", "50M", "--json"))

    assert any("closed at the suite's price, $5.00 in, $25.00 out" in line for line in advice["assumed"]), (
        advice["assumed"]
    )
    assert not any("claude-opus" in line for line in advice["assumed"])


def test_cost_shows_three_legs_and_what_ifs(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Closed, hosted and self in the table; a what-if below it."""
    output = command_output(capsys, "cost", str(finished), "--what-if", "batch")
    found = json.loads(command_output(capsys, "cost", str(finished), "--what-if", "uncached", "--json"))

    assert all(
        name in output for name in ("closed API", "hosted open model", "self-hosted open model", "What if")
    )
    assert ["closed", "hosted", "self"] == [row["leg"] for row in found["legs"]]
    assert "uncached" == found["what_if"][0]["what_if"]


def test_prices_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """By provider, of a day; disagreements of January name the stale deepseek-chat."""
    rows = json.loads(command_output(capsys, "prices", "show", "gpt-5.2", "--on", "2026-02-12", "--json"))
    found = json.loads(command_output(capsys, "prices", "check", "--on", "2026-01-10", "--json"))

    assert (1.75, 14.0) == next((row["input"], row["output"]) for row in rows if row["provider"] == "openai")
    assert "deepseek-chat" in {row["model"] for row in found["rows"]}


def test_a_set_price_is_on_its_label(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 4: the hourly price of the label is the one that was used, also over that of a run."""
    for more in ([], ["--run", str(finished)]):
        asked = ["tco", *more, "--set", "usd_per_gpu_hour=9.9", "--volume", "80M", "--draws", "100"]
        label = next(
            row["label"]
            for row in json.loads(command_output(capsys, *asked, "--json"))["legs"]
            if row["leg"] == "self"
        )

        assert "at $9.9 a GPU-hour" in label
        assert "2.95" not in label


def test_a_set_token_price_is_on_its_label(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 4: the suite's price is not claimed for a price of the command line."""
    asked = [
        "advise",
        "--run",
        str(finished),
        "--set",
        "closed_input_usd_per_mtok=50",
        "--volume",
        "80M",
        "--json",
    ]
    found = json.loads(command_output(capsys, *asked))
    label = next(row["label"] for row in found["costs"] if row["leg"] == "closed")

    assert "changed by --set, $50.00 in, $25.00 out" in label


def test_advice_of_a_run_is_what_the_run_cost(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 1: a month of 200,000 requests is 200 times what `bench cost` says of 1,000, and its GPUs are the suite's."""
    bills = {
        row["model_id"]: row
        for row in json.loads(command_output(capsys, "cost", str(finished), "--json"))["rows"]
    }
    asked = ["advise", "--run", str(finished), "--volume", "200k-requests", "--json"]
    found = json.loads(command_output(capsys, *asked))
    costs = {row["leg"]: row for row in found["costs"]}

    assert found["requests"] == pytest.approx(200_000)
    assert costs["closed"]["usd"] == pytest.approx(200_000 * bills["closed"]["usd_per_task"])
    assert costs["closed"]["low"] <= costs["closed"]["usd"] <= costs["closed"]["high"]
    assert costs["self"]["usd_per_gpu_hour"] == 2.95
    assert not any("input_tokens" in line for line in found["assumed"] if line.startswith("assumed"))


def test_limits_of_a_run_without_rates_are_named(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 5: an ordinary run has an answer, with or without --ttft."""
    asked = ["tco", "--run", str(finished), "--volume", "80M", "--draws", "100", "--ttft", "1", "--json"]
    found = json.loads(command_output(capsys, *asked))

    assert any(
        "the run measured no rates, so the limits that were given do not apply" in line
        for line in found["warnings"]
    )
    assert next(row["usd"] for row in found["legs"] if row["leg"] == "self") > 0


def test_a_suite_without_a_block_gives_its_models_prices(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 5: $5 and $25 of its closed model, $2.95 of its open one, and a published capacity that is named."""
    found = json.loads(
        command_output(capsys, "tco", "suite.yaml", "--volume", "80M", "--draws", "100", "--json")
    )
    inputs = {name: given["value"] for name, given in found["inputs"].items()}

    assert (inputs["closed_input_usd_per_mtok"], inputs["closed_output_usd_per_mtok"]) == (5, 25)
    assert inputs["usd_per_gpu_hour"] == 2.95
    assert any("capacity is not measured" in line for line in found["warnings"])


def test_a_price_of_the_command_line_reaches_tco_and_advise(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 2: the same option as `bench cost`, in the inputs, the label and the notes of both."""
    option = ["--run", str(finished), "--price", "open.usd_per_gpu_hour=9.9", "--volume", "80M", "--json"]
    total = json.loads(command_output(capsys, "tco", *option, "--draws", "100"))
    advice = json.loads(command_output(capsys, "advise", *option))

    assert total["inputs"]["usd_per_gpu_hour"]["value"] == 9.9
    assert next(row["usd_per_gpu_hour"] for row in advice["costs"] if row["leg"] == "self") == 9.9
    change = "open: other price than in its run, by --price: usd_per_gpu_hour 2.95 -> 9.9"
    assert change in total["warnings"]
    assert change in advice["assumed"]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_advice_fits_a_screen(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """At most 30 lines, the recommendation first; the last ones name what is left out and the run."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.chdir(finished.parents[1])
    lines = command_output(capsys, "advise", "--volume", "80M").splitlines()

    assert len(lines) <= 30
    assert lines[0].startswith("Recommendation: ")
    assert ["Because", "Before you follow it", "What would change it"] == [
        line for line in lines if line in {"Because", "Before you follow it", "What would change it"}
    ]
    assert lines[-2].endswith("strategic questions, pilot and assumptions with --full")
    assert lines[-1].startswith("From the newest run, results/")


def test_full_advice_has_every_sentence(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that --json has."""
    asked = ("advise", "--run", str(finished), "--volume", "80M")
    found = json.loads(command_output(capsys, *asked, "--json"))
    printed = "".join(command_output(capsys, *asked, "--full").split())

    for line in (
        *found["because"],
        *found["conditions"],
        *found["would_change"],
        *found["pilot"],
        *found["assumed"],
    ):
        assert "".join(line.split()) in printed


def test_advice_takes_the_newest_run(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `bench gap` does; not with --no-run, and an empty folder has none."""
    monkeypatch.chdir(finished.parents[1])
    asked = ("advise", "--volume", "80M", "--json")
    named = json.loads(command_output(capsys, *asked, "--run", str(finished)))
    assert named == json.loads(command_output(capsys, *asked))
    published = json.loads(command_output(capsys, *asked, "--no-run"))
    assert not published["simulated"]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    assert published == json.loads(command_output(capsys, *asked))


def test_a_run_and_no_run_contradict_each_other(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit 2."""
    said = command_output(capsys, "advise", "--run", str(finished), "--no-run", code=2)

    assert "--run and --no-run contradict each other" in said


def test_the_range_of_an_input_is_written_as_it_was_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`0.25 to 1`, as in the list of what was assumed, not `0.250 to 1.00`."""
    monkeypatch.setenv("COLUMNS", "120")
    said = command_output(capsys, "tco", "--volume", "50M", "--set", "engineers=0.25..0.5..1")

    assert "0.25 to 1 " in said.partition("What moves it most")[2].partition("Note:")[0]
