"""The house stands: who may import whom, how long a file may be, what the package exports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {
    "harness.errors": 0,
    "harness.values": 0,
    "harness.credentials": 0,
    "harness.wire": 1,
    "harness.runner": 1,
    "harness.document": 1,
    "harness.template": 1,
    "harness.data": 1,
    "harness.slo": 1,
    "harness.tariff": 1,
    "harness.tco": 1,
    "harness.suite": 1,
    "harness.renderer": 1,
    "harness.named_code": 1,
    "harness.task": 1,
    "harness.starter": 1,
    "harness.schema": 1,
    "harness.store": 1,
    "harness.fetch": 1,
    "harness.generated": 1,
    "harness.stats": 1,
    "harness.prices": 1,
    "harness.book": 1,
    "harness.telemetry": 1,
    "harness.heap": 1,
    "harness.jail": 1,
    "harness.sandbox": 1,
    "harness.trace": 1,
    "harness.arrivals": 1,
    "harness.loads": 1,
    "harness.conduct": 1,
    "harness.grader": 1,
    "harness.egress": 1,
    "harness.lm_eval": 1,
    "harness.plan": 2,
    "harness.measure": 2,
    "harness.scoring": 2,
    "harness.analysis": 2,
    "harness.adaptive": 3,
    "harness.load": 3,
    "harness.progress": 3,
    "harness.record": 3,
    "harness.estimate": 3,
    "harness.manifest": 3,
    "harness.sender": 3,
    "harness.search": 3,
    "harness.pipe": 3,
    "harness.remote": 1,
    "harness.carry": 3,
    "harness.metrics": 4,
    "harness.breaker": 3,
    "harness.cache": 3,
    "harness.pacing": 3,
    "harness.spending": 3,
    "harness.gate": 3,
    "harness.shared_gate": 4,
    "harness.settings": 4,
    "harness.baselines": 3,
    "harness.grading": 3,
    "harness.imports": 4,
    "harness.rescoring": 4,
    "harness.judging": 4,
    "harness.assembly": 4,
    "harness.trial": 4,
    "harness.run": 4,
    "harness.calibration": 4,
    "harness.report": 4,
    "harness.keeping": 4,
    "harness.marking": 4,
    "harness.crew": 4,
    "harness.stage": 4,
    "harness.worker": 4,
    "harness.cli": 5,
    "harness.commands": 5,
    "harness.verify": 3,
}
VENDORS = {"openai", "anthropic", "google", "vllm", "genai"}
# What reads results must work without keys and without vendors.
READERS = ("harness.analysis", "harness.report")
ACTORS = {
    "harness.load", "harness.measure", "harness.run", "harness.runner", "harness.wire", "harness.sender",
    "harness.pipe", "harness.crew", "harness.stage", "harness.worker",
}  # fmt: skip


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module, and whether it is imported for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in for_types
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in for_types
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in for_types


def floor_of(module: str) -> int | None:
    while module:
        if module in FLOORS:
            return FLOORS[module]
        module = module.rpartition(".")[0]
    return None


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    """Rooms on one floor may lean on each other only where the table below says so."""
    here = name_of(path)
    if here == "harness":
        return
    own = floor_of(here)
    assert own is not None, f"{here} has no floor; give it one here and in docs/design.md"
    for module, for_types in imports(path):
        floor = floor_of(module) if module.startswith("harness.") else None
        if floor is None or room_of(module) == room_of(here) or for_types:
            continue
        assert floor <= own, f"{here} (floor {own}) imports {module} (floor {floor})"


def test_no_two_rooms_import_each_other() -> None:
    """Within a floor the arrows have one direction: the rooms can be put in an order."""
    arrows: dict[str, set[str]] = {}
    for path in modules("harness"):
        here = room_of(name_of(path))
        for module, for_types in imports(path):
            if (
                module.startswith("harness.")
                and floor_of(module) is not None
                and not for_types
                and room_of(module) != here
            ):
                arrows.setdefault(here, set()).add(room_of(module))
    seen: list[str] = []

    def visit(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " -> ".join((*way, room))
        if room not in seen:
            for below in sorted(arrows.get(room, ())):
                visit(below, (*way, room))
            seen.append(room)

    for room in sorted(arrows):
        visit(room, ())


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_harness_knows_no_runner_and_no_vendor(path: Path) -> None:
    """Vendors are found through entry points alone."""
    for module, _ in imports(path):
        root = module.split(".")[0]
        assert root != "runners", f"{name_of(path)} imports {module}"
        assert root not in VENDORS, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", modules("runners"), ids=name_of)
def test_runners_import_only_values_errors_credentials_and_wire(path: Path) -> None:
    """So that a third party's runner can do what a built-in one can."""
    for module, _ in imports(path):
        if module.split(".")[0] == "harness":
            assert room_of(module) in {
                "harness",
                "harness.values",
                "harness.errors",
                "harness.wire",
                "harness.credentials",
            }, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize(
    "path", [path for path in modules("harness") if name_of(path).startswith(READERS)], ids=name_of
)
def test_readers_import_no_actor(path: Path) -> None:
    """Results are read with no keys, no vendors and no event loop; the live view is told by the run."""
    for module, _ in imports(path):
        assert room_of(module) not in ACTORS, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_only_those_that_read_or_write_parquet_import_pyarrow(path: Path) -> None:
    """Arrow types live in one place; harness.data reads users' own Parquet."""
    if room_of(name_of(path)) in {
        "harness.schema",
        "harness.store",
        "harness.data",
        "harness.verify",
        "harness.remote",
    }:
        return
    assert not [module for module, _ in imports(path) if module.split(".")[0] == "pyarrow"]


@pytest.mark.parametrize("path", [*modules("harness"), *modules("runners")], ids=name_of)
def test_no_file_is_over_400_lines(path: Path) -> None:
    """A file holds one noun."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [*modules("harness"), *modules("runners")], ids=name_of)
def test_no_duration_is_taken_from_the_wall_clock(path: Path) -> None:
    """A step of the wall clock would be a latency."""
    assert "time.time()" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_only_the_cli_prints_and_exits(path: Path) -> None:
    """Everything else returns or raises."""
    if room_of(name_of(path)) in {"harness.cli", "harness.commands", "harness.jail"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert not called & {"print", "sys.exit", "exit", "quit"}
