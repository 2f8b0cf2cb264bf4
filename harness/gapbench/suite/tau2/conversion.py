"""Turns domains of tau2 into tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gapbench.sandbox.packages import find_packages
from gapbench.suite.documents import Document, KeyPath
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.suite.tau2.declarations import declare_tools
from gapbench.suite.tau2.entry import Tau2Document, task_name, tau2_entries
from gapbench.suite.tau2.package import PACKAGE, Tau2Domain, read_domain
from gapbench.suite.tau2.prompts import (
    agent_prompt,
    describe_scenario,
    user_opening,
    user_prompt,
    user_stops,
)
from gapbench.values import (
    Episode,
    EpisodeLimits,
    Message,
    PlayedUser,
    PythonTools,
    Sample,
    Text,
    ToolCall,
    ToolSet,
    UserLine,
    canonical_json,
    sha256,
)

LICENSE = "MIT"
PACKAGES = (
    "inspect_evals",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
)
"""What the tools import: the package itself, and what its records are made of."""
TOOLS_FILE = Path(__file__).with_name("sandbox_tools.py")
TOOLS = PythonTools(TOOLS_FILE, PACKAGES, dispatcher="run_call")
MAX_RESULT_CHARS = 200_000
"""tau2 cuts nothing; a search of flights brought 15,000 characters."""
REQUEST = (
    'I am a customer. Below is who I am, what I want and what I know; there, "you" means me. I can confirm things, but '
    "not answer other questions. Help me as far as your policy allows, and then tell me the results in one message.\n\n"
)
CONFIRMATION = UserLine("Yes, I confirm. Please go ahead as far as it is what I have written.", when=r"\?")
CONFIRMATIONS = 5

Item = Mapping[str, Any]


def load_tau2_tasks(
    document: Document, only: Collection[str], limit: int | None, places: TaskPlaces
) -> list[Task]:
    """Return the tasks that a suite's entries for tau2 stand for.

    Args:
        document: The suite.
        only: Names of tasks; (): all.
        limit: N samples of each task, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.

    Raises:
        DocumentError: A task is listed twice, or the domain has no such split.
        SetupError: The package ``inspect-evals`` is not installed, or one that its tools need.
    """
    tasks: list[Task] = []
    for at, entry in tau2_entries(document):
        name = task_name(entry)
        places.add(name, at)
        if not only or name in only:
            tasks.append(_load_task(document, at, entry, limit))
    return tasks


def _load_task(document: Document, at: KeyPath, entry: Tau2Document, limit: int | None) -> Task:
    domain = read_domain(entry.domain)
    if entry.split not in domain.splits:
        raise document.error(
            (*at, "tau2", "split"), f"found {entry.split!r}; expected {', '.join(sorted(domain.splits))}"
        )
    task = convert_domain(domain, entry, limit)
    return replace(task, user_location=document.location((*at, "tau2", "user")))


def convert_domain(domain: Tau2Domain, entry: Tau2Document, limit: int | None = None) -> Task:
    """Return one domain as a task.

    Args:
        domain: As the package has it.
        entry: What the suite says; the domain has its split.
        limit: N samples, on top of the entry's own limit. None: no further limit.

    Raises:
        SetupError: A package that the tools need is not installed, or the files are not as expected.
    """
    find_packages(PACKAGES)
    wanted = set(domain.splits[entry.split])
    items = [item for item in domain.items if item["id"] in wanted]
    limits = [bound for bound in (entry.limit, limit) if bound is not None]
    tools, system = declare_tools(domain), agent_prompt(domain)
    decoy, user = _decoy(domain), _make_user(domain, entry)
    script = [REQUEST, CONFIRMATION.text, CONFIRMATION.when, CONFIRMATIONS]
    customer = script if user is None else user.model
    return Task(
        name=task_name(entry),
        category=entry.category,
        # Rows and reports show it: results with a script are not comparable with those with a model as the user.
        version=domain.version if user is not None else f"{domain.version}+scripted-user",
        sha256=sha256(
            canonical_json([PACKAGE, domain.version, domain.sha256, entry.split, entry.turns, customer])
        ),
        samples=tuple(
            _convert_item(domain, item, tools, system, decoy, entry.turns, user)
            for item in (items[: min(limits)] if limits else items)
        ),
        scorer_name="tau2",
        scorer_options={"domain": entry.domain},
        license=LICENSE,
        source=f"{PACKAGE} {domain.version}",
        origin=f"{PACKAGE} {domain.version}, tau2 {entry.domain}, {entry.split}",
    )


def _make_user(domain: Tau2Domain, entry: Tau2Document) -> PlayedUser | None:
    """Return the user that all samples share, without its instructions. None: it is scripted."""
    if entry.user is None:
        return None
    return PlayedUser(
        entry.user,
        instructions="",
        stops=user_stops(domain),
        # Before the first reply and after each: the turns end the episode, not the lines.
        max_lines=entry.turns + 1,
        opening=user_opening(domain),
        has_guidelines=False,
        hears_texts_of_calls=False,
    )


def _convert_item(
    domain: Tau2Domain,
    item: Item,
    tools: ToolSet,
    system: str,
    decoy: tuple[Message, ...],
    turns: int,
    user: PlayedUser | None,
) -> Sample:
    criteria = item.get("evaluation_criteria") or {}
    reference = _reference(criteria)
    request, told = f"{REQUEST}{describe_scenario(item)}", user_prompt(domain, item)
    prompt = [Message("system", (Text(system),))]
    if user is None:
        prompt.append(Message("user", (Text(request),)))
    else:
        # A simulated user says everything in its first line, which identifies the sample.
        user = replace(user, instructions=told, script=(request,))
    return Sample(
        sample_id=f"{domain.name}-{item['id']}",
        messages=tuple(prompt),
        target=criteria,
        cluster_id=_cluster_id(domain, item),
        columns={"criteria": criteria, "user_prompt": told},
        tools=tools,
        reference=reference[-1].text,
        decoy=decoy[-1].text,
        reference_turns=reference,
        decoy_turns=decoy,
        episode=Episode(
            tools=TOOLS,
            state={"domain": domain.name, "changed": {}},
            user=(CONFIRMATION,) * CONFIRMATIONS if user is None else (),
            played_user=user,
            limits=EpisodeLimits(turns=turns, result_chars=MAX_RESULT_CHARS),
        ),
    )


def _cluster_id(domain: Tau2Domain, item: Item) -> str | None:
    """Return who calls: some tasks are variants of one person's call. None: the task does not say."""
    given = item["user_scenario"]["instructions"]
    known = given.get("known_info") if isinstance(given, Mapping) else None
    return f"{domain.name}:{sha256(known)[:16]}" if known else None


def _reference(criteria: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return tau2's own actions, one a reply, and a last text with all that is to be said."""
    calls = [(action["name"], action["arguments"]) for action in criteria.get("actions") or ()]
    said = criteria.get("communicate_info") or ()
    return _turns(calls, f"That is done. {'; '.join(said)}".strip())


def _decoy(domain: Tau2Domain) -> tuple[Message, ...]:
    """Return a write that no task asks for, to a person who is in the database."""
    user = next(
        action["arguments"]["user_id"]
        for item in domain.items
        for action in item["evaluation_criteria"]["actions"]
        if "user_id" in action["arguments"]
    )
    if domain.name == "airline":
        return _turns([("send_certificate", {"user_id": user, "amount": 1})], "That is done.")
    address = ("address1", "address2", "city", "state", "country", "zip")
    return _turns(
        [("modify_user_address", {"user_id": user, **dict.fromkeys(address, "unknown")})], "That is done."
    )


def _turns(calls: Sequence[tuple[str, Mapping[str, Any]]], text: str) -> tuple[Message, ...]:
    made = (
        ToolCall(f"call_{number}", name, canonical_json(given)) for number, (name, given) in enumerate(calls)
    )
    return (*(Message("assistant", (call,)) for call in made), Message("assistant", (Text(text),)))
