"""`bench run --until-sure` end to end against simulated servers: it stops early, resumes, and names its rule."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gapbench.analysis.quality.gap import gap
from gapbench.cli import invoke
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.look_blocks import LookBlock, largest_cluster, split_into_blocks
from gapbench.execution.monitoring.live_view import QuietView
from gapbench.execution.run_suite import execute_run
from gapbench.execution.setup import RunSetup, Selection, build_run_setup
from gapbench.store import read_attempts, read_manifest
from gapbench.store.verify import verify_run
from tests.two_models import command_output

SUITE = """\
name: sure
models:
  - {id: open, runner: sim, weights: open, sim: {protocol: openai, skill: OPEN, ttft_s: 0.001, gap_s: 0}}
  - {id: closed, runner: sim, weights: closed, sim: {protocol: anthropic, skill: 0.95, ttft_s: 0.001, gap_s: 0}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric, cluster: "{doc}", tags: ["{tier}"]}
params: {max_tokens: 64}
loads: [{concurrency: 4}]
margin_points: 5
"""


def write_suite(folder: Path, *, skill: float, items: int = 120, more: str = "") -> None:
    """Write a suite of two simulated models over items in clusters of three, sorted by tier."""
    rows = [
        {
            "id": f"q{n}",
            "question": f"What is {n} + 1?",
            "answer": n + 1,
            "doc": f"d{n // 3}",
            "tier": "easy" if n < items // 2 else "hard",
        }
        for n in range(items)
    ]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.yaml").write_text(SUITE.replace("OPEN", f"{skill:g}") + "on_unparsed: continue\n" + more)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_of(folder: Path) -> Path:
    return next(path for path in sorted((folder / "results").iterdir()) if path.name.startswith("sure-"))


def final_rows(run: Path) -> Counter[tuple[str, str]]:
    rows = read_attempts([run])
    return Counter(zip(rows["model_id"], rows["sample_id"], strict=True))


def setup_of(*, until_sure: bool = True) -> RunSetup:
    return build_run_setup(Selection("suite.yaml", until_sure=until_sure))


def test_blocks_hold_every_sample_once_in_whole_clusters(here: Path) -> None:
    """120 samples in 40 clusters; each block has both tiers to within one cluster."""
    write_suite(here, skill=0.9)
    plan = setup_of().plan
    blocks = split_into_blocks(plan, None)
    every = [sample for block in blocks for sample in block.samples]
    clusters = [{f"d{int(sample[1:]) // 3}" for _, sample in block.samples} for block in blocks]

    assert 120 == len(every) == len(set(every)) == blocks[-1].pairs
    assert 40 == sum(map(len, clusters)) == len(set().union(*clusters))
    assert 3 == largest_cluster(plan)
    for block in blocks:
        hard = sum(int(sample[1:]) >= 60 for _, sample in block.samples)
        assert abs(hard - len(block.samples) / 2) <= 3


@pytest.mark.parametrize("looks", [2, 5, 7])
def test_a_fixed_number_of_looks_is_at_equal_parts(here: Path, looks: int) -> None:
    """To within one cluster of three pairs; the last look is at the end."""
    write_suite(here, skill=0.9)
    blocks: list[LookBlock] = split_into_blocks(setup_of().plan, looks)

    assert looks == len(blocks)
    assert 120 == blocks[-1].pairs
    for number, block in enumerate(blocks, 1):
        assert 0 <= block.pairs - 120 * number / looks < 3


def test_a_large_gap_stops_early_and_a_resume_sends_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Skill .95 against .1; both models have the same samples, and the gap table names the rule."""
    write_suite(here, skill=0.1)
    command_output(capsys, "run", "suite.yaml", "--until-sure", "--yes", "--quiet")
    run = run_of(here)
    manifest, rows = read_manifest(run), final_rows(run)
    entry = manifest.sequential
    assert entry is not None
    samples = {model: {s for m, s in rows if m == model} for model in ("closed", "open")}

    assert ("complete", "closed ahead") == (manifest.state, entry.decision)
    assert 120 > entry.looks[-1]["planned_pairs"] == len(samples["closed"])
    assert samples["closed"] == samples["open"]
    assert {1} == set(rows.values())
    assert all(cell.cut_short and cell.planned == len(samples["open"]) for cell in manifest.cells)
    table = gap([run])
    row = table.frame[table.frame["metric"] == "accuracy"].iloc[0]
    last = entry.looks[-1]["comparisons"][0]
    assert ("closed ahead", "always-valid e-process") == (row["verdict"], row["rule"])
    assert (last["ci_low"], last["ci_high"]) == pytest.approx((row["ci_low"], row["ci_high"]), abs=1e-9)
    assert "by always-valid e-process" in command_output(capsys, "gap", str(run))

    command_output(capsys, "run", "--resume", str(run), "--yes", "--quiet")
    assert rows == final_rows(run)
    assert entry.decision == read_manifest(run).sequential.decision  # type: ignore[union-attr]
    assert [] == verify_run(run)


class StopAfter(QuietView):
    """Stops the run after some finished attempts, in the middle of a block."""

    def __init__(self, attempts: int, stop_signal: StopSignal) -> None:
        from rich.console import Console

        super().__init__(Console(quiet=True))
        self.left = attempts
        self.stop_signal = stop_signal

    def attempt_done(self, cell: object, row: object, usd: object) -> None:
        self.left -= 1
        if self.left == 0:
            self.stop_signal.set("interrupted")


@pytest.mark.parametrize("attempts", [5, 21, 30, 47])
def test_a_stopped_run_goes_on_at_its_block(here: Path, attempts: int) -> None:
    """Stopped in the first model's part, the second's, and in the second block; the end is that of a run in one piece."""
    write_suite(here, skill=0.1)
    whole = here / "results" / "sure-whole"
    chosen = Selection("suite.yaml", until_sure=True).as_json()
    from rich.console import Console

    quiet = QuietView(Console(quiet=True))
    execute_run(setup_of(), whole, quiet, selection=chosen)
    parts = here / "results" / "sure-parts"
    stop_signal = StopSignal()
    stopped = execute_run(
        setup_of(), parts, StopAfter(attempts, stop_signal), selection=chosen, stop_signal=stop_signal
    )
    looks_before = len(stopped.sequential.looks) if stopped.sequential else -1
    resumed = execute_run(setup_of(), parts, quiet, is_resumed=True, selection=chosen)
    one, two = read_manifest(whole).sequential, resumed.sequential
    assert one is not None
    assert two is not None

    assert ("interrupted", "complete") == (stopped.state, resumed.state)
    assert looks_before < len(two.looks)
    assert {1} == set(final_rows(parts).values())
    assert final_rows(whole) == final_rows(parts)
    assert [look["comparisons"] for look in one.looks] == [look["comparisons"] for look in two.looks]


def test_equal_models_go_on_to_the_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """60 pairs cannot show a margin of 5 points; nothing is cut short, and the run is complete."""
    write_suite(here, skill=0.95, items=60)
    command_output(capsys, "run", "suite.yaml", "--until-sure", "--yes", "--quiet")
    manifest = read_manifest(run_of(here))
    assert manifest.sequential is not None

    assert ("complete", None) == (manifest.state, manifest.sequential.decision)
    assert [False, False] == [cell.cut_short for cell in manifest.cells]
    assert 60 == manifest.sequential.looks[-1]["planned_pairs"]
    table = gap([run_of(here)])
    assert "not distinguishable" == table.frame.iloc[0]["verdict"]


def test_looks_of_a_suite_spend_the_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`looks: 5`: five equal parts, and a decision at one of them."""
    write_suite(here, skill=0.1, more="looks: 5\n")
    command_output(capsys, "run", "suite.yaml", "--until-sure", "--yes", "--quiet")
    entry = read_manifest(run_of(here)).sequential
    assert entry is not None
    spent = [look["alpha_spent"] for look in entry.looks]

    assert ("5 looks, O'Brien-Fleming spending", "closed ahead") == (entry.rule, entry.decision)
    assert spent == sorted(spent)
    assert spent[-1] < 0.05
    assert len(entry.looks) < 5
    shown = " ".join(command_output(capsys, "gap", str(run_of(here))).split())
    assert "by 5 looks, O'Brien-Fleming spending" in shown


def test_the_true_verdict_of_equal_or_better_open_models(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The open model is far better: *open ahead*, and the run stops."""
    write_suite(here, skill=1.0)
    text = (here / "suite.yaml").read_text().replace("skill: 0.95", "skill: 0.1")
    (here / "suite.yaml").write_text(text)
    command_output(capsys, "run", "suite.yaml", "--until-sure", "--yes", "--quiet")
    entry = read_manifest(run_of(here)).sequential

    assert entry is not None
    assert "open ahead" == entry.decision


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "open"], "the run has no closed one"),
        (["--model", "closed"], "the run has no open one"),
    ],
)
def test_a_run_without_two_sides_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """In one line, before anything is sent."""
    write_suite(here, skill=0.5)

    assert said in command_output(capsys, "run", "suite.yaml", "--until-sure", "--yes", *arguments, code=2)


def test_schedules_and_late_scores_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rate does not wait for a look; a task without a scorer has nothing to look at."""
    write_suite(here, skill=0.5)
    text = (here / "suite.yaml").read_text()
    (here / "rate.yaml").write_text(
        text.replace("{concurrency: 4}", "{kind: rate, rate_rps: 5, duration_s: 1}").replace(
            "{kind: rate, rate_rps: 5, duration_s: 1}", "{rate_rps: 5, duration_s: 1}"
        )
    )
    (here / "late.yaml").write_text(text.replace("scorer: numeric, ", ""))

    assert "follows a schedule" in command_output(capsys, "run", "rate.yaml", "--until-sure", "--yes", code=2)
    assert "has none by then" in command_output(capsys, "run", "late.yaml", "--until-sure", "--yes", code=2)


def test_a_run_without_the_option_cannot_get_it_later(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its models were asked one after the other."""
    write_suite(here, skill=0.5, items=6)
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    capsys.readouterr()

    assert "was started without --until-sure" in command_output(
        capsys, "run", "--resume", str(run_of(here)), "--until-sure", "--yes", code=2
    )


def test_a_run_grown_by_limits_carries_a_note(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--limit 6, then 12, then all 24: three looks. A run with another seed is a fresh one."""
    write_suite(here, skill=0.5, items=24)
    for number, options in enumerate((["--limit", "6"], ["--limit", "12"], [])):
        out = command_output(capsys, "run", "suite.yaml", "--yes", "--quiet", *options).strip()
        notes = [note for note in gap([Path(out)]).warnings if "was looked at" in note]
        assert min(number, 1) == len(notes)
    assert "was looked at 3 times: before it was complete with 6, 12 requests" in notes[0]
    assert "--until-sure" in notes[0]

    (here / "suite.yaml").write_text((here / "suite.yaml").read_text() + "seed: 1\n")
    fresh = Path(command_output(capsys, "run", "suite.yaml", "--yes", "--quiet").strip())
    assert not [note for note in gap([fresh]).warnings if "was looked at" in note]


def test_a_resumed_run_counts_the_look_at_its_interruption(here: Path) -> None:
    """Stopped after 30 of 48 rows, of which a model has at most 24: the other has 6, so the tables showed a gap.

    At most 15 more were in flight, so that not all 24 pairs were there.
    """
    write_suite(here, skill=0.5, items=24)
    folder = here / "results" / "sure-stopped"
    stop_signal = StopSignal()
    chosen = Selection("suite.yaml").as_json()
    setup = setup_of(until_sure=False)
    execute_run(setup, folder, StopAfter(30, stop_signal), selection=chosen, stop_signal=stop_signal)
    from rich.console import Console

    resumed = execute_run(
        setup_of(until_sure=False),
        folder,
        QuietView(Console(quiet=True)),
        is_resumed=True,
        selection=chosen,
    )

    assert ["sure-stopped"] == [look.run_id for look in resumed.earlier_looks]
    assert 6 <= resumed.earlier_looks[0].requests < 24
    assert "was looked at 2 times" in " ".join(gap([folder]).warnings)
