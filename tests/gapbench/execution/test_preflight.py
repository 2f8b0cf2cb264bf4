"""What is refused before the first request of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gapbench import runner as runners
from gapbench.errors import InputError
from gapbench.execution.preflight import refuse_unpriced
from gapbench.execution.setup import RunSetup
from gapbench.suite.plan import Plan
from gapbench.values import EpisodeLimits, Model
from tests.episodes import episode_plan

UNKNOWN = Model("m", "openai", "a-model-that-no-price-book-has", "closed")


def setup(made: Plan) -> RunSetup:
    suite: Any = SimpleNamespace(model_location=lambda _: "suite.yaml:3")
    opened = {model.id: runners.load_runner_class(model.runner)(model) for model in made.models}
    return RunSetup(suite, made, opened)


def test_an_episodes_limit_in_dollars_needs_a_price() -> None:
    """Otherwise every reply would count as free."""
    made = episode_plan(UNKNOWN, limits=EpisodeLimits(usd=1.0))

    with pytest.raises(InputError, match=r"suite.yaml:3: the limit in usd of task 'sums' cannot be enforced"):
        refuse_unpriced(setup(made), None)


def test_without_a_limit_in_dollars_no_price_is_asked_for() -> None:
    """Turns and tokens need none."""
    refuse_unpriced(setup(episode_plan(UNKNOWN)), None)
