"""tau2's tools in this process, without a sandbox: fast enough for all tasks of both domains."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from gapbench.agents import AgentConversation, ToolOutcome
from gapbench.suite.tasks.task import Task
from gapbench.suite.tau2.conversion import TOOLS_FILE, convert_domain
from gapbench.suite.tau2.entry import Tau2Document
from gapbench.suite.tau2.package import read_domain
from gapbench.values import Message, Sample, Transcript, canonical_json

DOMAINS = ("airline", "retail")


@contextmanager
def _own_imports() -> Iterator[None]:
    """Undo what the module of tools does to this process's modules, which in a sandbox nobody else uses."""
    before = dict(sys.modules)
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(before)


@cache
def tools_module() -> types.ModuleType:
    """Return the module of tools with the fresh databases of both domains."""
    module = types.ModuleType("tau2_tools")
    with _own_imports():
        sys.modules[module.__name__] = module
        exec(compile(TOOLS_FILE.read_text(), str(TOOLS_FILE), "exec", dont_inherit=True), module.__dict__)
        for domain in DOMAINS:
            module.replay_actions(fresh(domain), actions=[])
    return module


@cache
def task(domain: str) -> Task:
    """Return all of a domain's tasks."""
    document = Tau2Document(domain=domain)  # type: ignore[arg-type] # one of the literals
    return convert_domain(read_domain(domain), document)


def fresh(domain: str) -> dict[str, Any]:
    """Return the state at the start."""
    return {"domain": domain, "changed": {}}


def replayed(domain: str, actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the state after actions of the reference, as the scorer has it made."""
    state = fresh(domain)
    tools_module().replay_actions(state, actions=actions)
    return state


def package_hash(state: dict[str, Any]) -> str:
    """Return the package's own hash of the whole database in a state."""
    return _hash_of(canonical_json(state))


@cache
def _hash_of(state_json: str) -> str:
    module, state = tools_module(), json.loads(state_json)
    module.replay_actions(state, actions=[])
    database = module._databases[state["domain"]]
    for table in database.tables.values():
        table.values()  # the package's hash takes the records past the table's methods
        table.take_changes()
    found: str = database.tools.db.get_hash()
    return found


class LocalTools:
    """An episode's tools in this process."""

    async def open(self, state: Any) -> None:
        """Start with a state."""
        self._state = copy.deepcopy(state)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Call one tool."""
        module = tools_module()
        self._state = copy.deepcopy(self._state)
        try:
            return ToolOutcome(module.run_call(self._state, name=name, arguments=arguments))
        except module.Error as exc:
            return ToolOutcome(f"Error: {exc}", is_error=True)

    async def state(self) -> Any:
        """Return the state as it is now."""
        return self._state

    async def close(self) -> None:
        """End it."""


def play(sample: Sample, turns: Sequence[Message]) -> Transcript:
    """Return the episode in which the model says the turns."""

    async def run() -> Transcript:
        conversation = AgentConversation(sample, environment=LocalTools())
        await conversation.begin()
        for turn in turns:
            step = await conversation.follow(turn)
            if step.termination is not None:
                break
        return await conversation.end()

    return asyncio.run(run())
