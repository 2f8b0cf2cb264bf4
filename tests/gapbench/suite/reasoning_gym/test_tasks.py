"""Generators of reasoning-gym as tasks: what they hold, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.errors import DocumentError
from gapbench.suite.reasoning_gym.package import describe_package
from gapbench.suite.suite import load_suite
from tests.reasoning_gym import make_task, needs_reasoning_gym

pytestmark = needs_reasoning_gym


def write_suite(folder: Path, tasks: str) -> Path:
    """Write a suite of one simulated model."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{}}}}]\ntasks:\n  - {tasks}\n"
    )
    return file


def test_each_generator_becomes_a_task_with_its_levels_as_tags(tmp_path: Path) -> None:
    """Two levels of 3 items take turns; a generator without settings gives 50."""
    suite = load_suite(
        write_suite(tmp_path, "{reasoning_gym: {zebra_puzzles: {levels: [0, 1], count: 3}, chain_sum: }}")
    )
    zebra, chain = suite.load_tasks()
    assert (zebra.name, zebra.category, zebra.version) == (
        "reasoning_gym-zebra_puzzles",
        "reasoning",
        "0.1.25",
    )
    assert [sample.tags for sample in zebra.samples] == [("logic", "level0"), ("logic", "level1")] * 3
    assert len(chain.samples) == 50
    assert suite.task_names() == [zebra.name, chain.name]


def test_limits_take_items_from_the_levels_in_turn(tmp_path: Path) -> None:
    suite = load_suite(
        write_suite(tmp_path, "{reasoning_gym: {gcd: {levels: [0, 3], count: 5, limit: 4}}, limit: 7}")
    )
    (task,) = suite.load_tasks()
    assert [sample.sample_id for sample in task.samples] == [
        "gcd-level0-0-0",
        "gcd-level3-0-0",
        "gcd-level0-0-1",
        "gcd-level3-0-1",
    ]


def test_the_prompt_asks_for_answer_tags_as_the_package_does() -> None:
    system, user = make_task("gcd", count=1).samples[0].messages
    assert "<answer>answer here</answer>" in system.text
    assert "Greatest Common Divisor" in user.text


def test_the_same_settings_give_the_same_items_and_another_seed_gives_others() -> None:
    """word_ladder draws from sets, whose order is another in each process of plain Python. Item i is of seed + i."""
    first, again, other = (make_task("word_ladder", count=5, seed=seed) for seed in (1, 1, 1001))
    assert first.sha256 == again.sha256
    assert first.samples == again.samples
    assert {sample.messages for sample in first.samples}.isdisjoint(
        sample.messages for sample in other.samples
    )


def test_items_with_one_question_share_a_cluster() -> None:
    """Two numbers from 1 to 2: of 12 items some are the same."""
    config = {"min_numbers": 2, "max_numbers": 2, "min_value": 1, "max_value": 2}
    samples = make_task("gcd", count=12, config=config).samples
    by_question: dict[str, set[str | None]] = {}
    for sample in samples:
        by_question.setdefault(sample.messages[1].text, set()).add(sample.cluster_id)
    counts = [sum(sample.messages[1].text == question for sample in samples) for question in by_question]
    assert max(counts) > 1
    for question, count in zip(by_question, counts, strict=True):
        assert len(by_question[question]) == 1
        assert (None in by_question[question]) is (count == 1)


def test_upper_bound_leaves_easier_sizes_out() -> None:
    """Level 2 of chain_sum adds 4 numbers; the package's own default is 2 to 4."""
    harder = make_task("chain_sum", levels=[2], count=20, range="upper_bound").samples
    mixed = make_task("chain_sum", levels=[2], count=20).samples
    asked = [[sample.messages[1].text.split(":")[1] for sample in some] for some in (harder, mixed)]
    terms = [{text.count(" + ") + text.count(" - ") + 1 for text in texts} for texts in asked]
    assert len(terms[0]) == 1
    assert min(terms[1]) < min(terms[0]) == max(terms[1])


def test_all_generators_of_the_package_make_items() -> None:
    """105 of 106: composite only mixes others."""
    found = describe_package().generators
    assert len(found) == 105
    assert "composite" not in found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "{zebra_puzle: }",
            r"suite.yaml:4: tasks\[0\].reasoning_gym.zebra_puzle: .* has no generator 'zebra_puzle'; did you mean 'zebra_puzzles'",
        ),
        ("{composite: }", "has no generator 'composite'"),
        (
            "{zebra_puzzles: {levels: [0, 8]}}",
            r"suite.yaml:4: tasks\[0\].reasoning_gym.zebra_puzzles.levels\[1\]: found level 8; zebra_puzzles has levels 0 to 5",
        ),
        ("{gcd: {levels: [1, 1]}}", r"gcd.levels\[1\]: level 1 is listed twice"),
        ("{acre: {levels: [0]}}", r"acre.levels\[0\]: acre has no levels; remove them"),
        ("{gcd: {level: 1}}", r"suite.yaml:4: tasks\[0\].reasoning_gym.gcd.level: unknown key 'level'"),
        ("{gcd: {count: 0}}", r"reasoning_gym.gcd.count: found 0"),
        (
            "{gcd: {config: {min_valu: 3}}}",
            r"gcd.config.min_valu: gcd has no such field; did you mean 'min_value'[?]",
        ),
        ("{gcd: {config: {size: 3}}}", r"gcd.config.size: write count next to config instead"),
        (
            "{gcd: {config: {min_value: -3}}}",
            "reasoning_gym.gcd: reasoning-gym cannot make these items: AssertionError: min_value",
        ),
        ("{gcd: }, limits: 3", r"tasks\[0\].limits: .*limit"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(given: str, said: str, tmp_path: Path) -> None:
    suite = load_suite(write_suite(tmp_path, f"{{reasoning_gym: {given}}}"))
    with pytest.raises(DocumentError, match=said):
        suite.load_tasks()


def test_a_generator_in_two_entries_is_refused(tmp_path: Path) -> None:
    file = write_suite(tmp_path, "{reasoning_gym: {gcd: }}")
    file.write_text(f"{file.read_text()}  - {{reasoning_gym: {{gcd: {{levels: [1]}}}}}}\n")
    with pytest.raises(
        DocumentError, match=r"task 'reasoning_gym-gcd' is listed twice, also in tasks\[0\]; list it once"
    ):
        load_suite(file).load_tasks()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reasoning_gym", "reasoning-gym is not installed; pip install --no-deps reasoning-gym"),
        ("pytz", "the tools need the package 'pytz', which is not installed"),
    ],
)
def test_without_a_package_the_run_ends_with_2_and_one_line(
    name: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from gapbench.suite.reasoning_gym import package

    find_spec = importlib.util.find_spec
    package._describe.cache_clear()
    package.gym_worker.cache_clear()
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *more: None if wanted == name else find_spec(wanted, *more),
    )
    file = write_suite(tmp_path, "{reasoning_gym: {gcd: }}")
    assert invoke(["run", str(file), "--out", str(tmp_path / "results")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    package._describe.cache_clear()
    package.gym_worker.cache_clear()


def test_a_generator_whose_own_package_is_missing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others still work: zebra_puzzles needs pycosat, gcd does not."""
    from gapbench.suite.reasoning_gym import package

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *more: None if wanted == "pycosat" else find_spec(wanted, *more),
    )
    package.gym_worker.cache_clear()
    try:
        assert len(make_task("gcd", count=2).samples) == 2
        suite = load_suite(write_suite(tmp_path, "{reasoning_gym: {zebra_puzzles: {levels: [0], count: 1}}}"))
        with pytest.raises(DocumentError, match="it needs the package pycosat, which is not installed"):
            suite.load_tasks()
    finally:
        package.gym_worker.cache_clear()
