"""What is refused before the first request of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gapbench import runner as runners
from gapbench.errors import InputError
from gapbench.execution.preflight import refuse_broken_tools, refuse_unpriced
from gapbench.execution.setup import RunSetup
from gapbench.suite.plan import Plan
from gapbench.values import Episode, EpisodeLimits, Model, PythonTools, Tool, ToolSet
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


def with_tools(source: str, file: Path) -> RunSetup:
    """Return a run of episodes whose tools are a module of this source."""
    file.write_text(source)
    made = episode_plan(UNKNOWN)
    declared = ToolSet((Tool("add", "", {"type": "object", "properties": {}}),))
    cells = []
    for cell in made.cells:
        samples = tuple(
            replace(sample, tools=declared, episode=Episode(tools=PythonTools(file)))
            for sample in cell.task.samples
        )
        cells.append(replace(cell, task=replace(cell.task, samples=samples)))
    return setup(replace(made, cells=tuple(cells)))


def test_tools_that_do_not_load_are_refused_before_the_run(tmp_path: Path) -> None:
    """One line with the task, the module and its line; otherwise every episode would end as infra."""
    with pytest.raises(InputError, match=r"task 'sums': tools_file: tools.py: .*line 1.*down") as caught:
        refuse_broken_tools(with_tools("raise ValueError('down')\n", tmp_path / "tools.py"))
    assert "\n" not in str(caught.value)


def test_tools_that_load_pass(tmp_path: Path) -> None:
    """The module runs in the sandbox."""
    refuse_broken_tools(with_tools("def add(state):\n    return 1\n", tmp_path / "tools.py"))


def test_without_a_limit_in_dollars_no_price_is_asked_for() -> None:
    """Turns and tokens need none."""
    refuse_unpriced(setup(episode_plan(UNKNOWN)), None)
