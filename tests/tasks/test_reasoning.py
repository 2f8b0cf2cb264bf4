"""The reasoning tasks: as many and as mixed as promised, and long texts of the length that their names say.

What holds for every ladder is in ``test_ladders.py``.
"""

from __future__ import annotations

import pytest

from gapbench.scoring import make_scorer
from gapbench.suite.tasks.loader import builtin_tasks
from tests.tasks.written import task

NAMES = [name for name in builtin_tasks() if name.startswith("reasoning/")]
LONG = {
    "reasoning/long-1k": 1000,
    "reasoning/long-8k": 8000,
    "reasoning/long-32k": 32000,
    "reasoning/long-128k": 128_000,
}


def test_there_are_700_items_over_all_fields() -> None:
    """Arithmetic, algebra, plans, logic, road maps, state, long context, instructions."""
    fields = {"arithmetic", "algebra", "schedules", "logic", "graphs", "state", "instructions", "haystack"}
    fields |= {name.partition("/")[2] for name in LONG}

    assert fields <= {name.partition("/")[2] for name in NAMES}
    assert sum(len(task(name).samples) for name in NAMES if name != "reasoning/haystack") >= 700


@pytest.mark.parametrize("name", [name for name in NAMES if name != "reasoning/haystack"])
def test_no_prompt_comes_twice(name: str) -> None:
    """Each sample asks something of its own."""
    samples = task(name).samples

    assert len(samples) == len({sample.messages for sample in samples})


@pytest.mark.parametrize(("name", "tokens"), LONG.items())
def test_long_prompts_have_their_length_and_hold_their_facts(name: str, tokens: int) -> None:
    """Between 85 and 100 % of the tokens at four characters each; each fact of the answer is in the text once."""
    for sample in task(name).samples:
        text = sample.messages[-1].text
        facts = (sample.reference or "").split("\n")[:-1]

        assert 0.85 * tokens <= len(text) / 4 <= 1.0 * tokens
        assert sample.tags == (f"{len(facts)} facts",)
        assert [text.count(fact) for fact in facts] == [1] * len(facts)


@pytest.mark.parametrize("name", LONG)
def test_long_references_score_one_and_decoys_zero(name: str) -> None:
    """By the task's own scorer."""
    found = task(name)
    scorer = make_scorer(found.scorer_name or "", found.scorer_options)

    for sample in found.samples:
        assert scorer(sample.reference or "", sample).value == 1, sample.sample_id
        assert scorer(sample.decoy or "", sample).value == 0, sample.sample_id


def test_one_length_asks_for_one_fact_to_twelve() -> None:
    """In turn, so that the first six samples have every number."""
    tags = [sample.tags[0] for sample in task("reasoning/long-8k").samples]

    assert tags[:6] == ["1 facts", "2 facts", "3 facts", "5 facts", "8 facts", "12 facts"]
    assert tags[6:12] == tags[:6]
