"""The settings of one run: its policies, its budget, and what it needs from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.agents import open_conversation
from gapbench.execution.attempts.episode_sender import OpenConversation
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.limits.unusable_answers import ShouldContinue, never_continue
from gapbench.execution.recording.cell_scorer import CellScorer, make_cell_scorer
from gapbench.execution.recording.observer import AttemptPricer
from gapbench.execution.replicas.replica_runner import build_runner
from gapbench.runner import Runner
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.suite.plan import Cell
from gapbench.suite.suite import Suite
from gapbench.values import Model
from gapbench.values.cache_place import CachePlace
from gapbench.values.policies import RunPolicies

if TYPE_CHECKING:
    from gapbench.execution.machines.machine_group import MachineGroup


@dataclass(frozen=True)
class RunSettings:
    """How to run a plan.

    Attributes:
        policies: How every request is treated.
        max_usd: US dollars at which the run stops. None: no limit.
        price_attempt: Prices one attempt, for the observer and for ``max_usd``.
        selection: Stored in the manifest for ``--resume``.
        calibration: Result of `bench calibrate` just before the run, for the manifest. None: there was none.
        until_sure: Whether a new run stops when it is sure; a resumed one does as its manifest says.
        looks: Number of looks of such a run. None: any number, by the always-valid e-process.
        suite_content: The suite's keys and values, stored in the manifest. {}: not stored.
        first_calls: The small calls that were made just before; their cost counts towards ``max_usd``.
        should_continue: Decides about a task of which nearly all first answers of a model cannot be used.
        make_scorer: Returns the scorer of a cell in a run folder, or None if its answers are only timed.
        while_sending: Entered while a cell's requests are in flight; it pauses what would take CPU time from the client.
        make_scoring_executor: Returns what runs slow scorers, with so many threads; the run shuts it down.
        open_conversation: Opens the conversation of an episode.
        batches: How the models are treated that are asked in batches.
        make_user_runner: Returns the runner of a model that plays users, not open yet.
        bound_attempt: Returns the most that one attempt of a cell can cost in US dollars, or None if that is unknown or
            nothing; machines that send may hold so much for each request.
        machines: The machines that send. None: this one.
    """

    policies: RunPolicies = field(default_factory=RunPolicies)
    max_usd: Decimal | None = None
    price_attempt: AttemptPricer = lambda _: None
    selection: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None
    until_sure: bool = False
    looks: int | None = None
    suite_content: Mapping[str, Any] = field(default_factory=dict)
    first_calls: Sequence[FirstCallEntry] = ()
    should_continue: ShouldContinue = never_continue
    make_scorer: Callable[[Cell, Path], CellScorer | None] = make_cell_scorer
    while_sending: Callable[[], AbstractContextManager[None]] = nullcontext
    make_scoring_executor: Callable[[int], Executor] = ThreadPoolExecutor
    open_conversation: OpenConversation = open_conversation
    make_user_runner: Callable[[Model], Runner] = build_runner
    batches: BatchSettings = field(default_factory=BatchSettings)
    bound_attempt: Callable[[Cell], Decimal | None] = lambda _: None
    machines: MachineGroup | None = None


def policies_from_suite(suite: Suite, cache: CachePlace | None = None) -> RunPolicies:
    """Return the policies that a suite asks for.

    Args:
        suite: The suite.
        cache: Where answers are kept, overrides the suite's. None: as the suite says.
    """
    return RunPolicies(
        retries=suite.retries.to_policy(),
        timeouts=suite.timeouts.to_policy(),
        breaker=suite.breaker.to_policy(),
        limits={
            model.id: model.limits.to_rate_limits() for model in (*suite.models, *suite.users) if model.limits
        },
        cache=cache or suite.cache_place,
    )
