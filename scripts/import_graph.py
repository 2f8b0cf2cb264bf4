"""Print the size and shape of the import graph: packages, arrows, sideways and upward imports, cycles, depth.

Usage: ``python scripts/import_graph.py [CHECKOUT]``. All imports count: at the top of a module, inside functions and
under ``TYPE_CHECKING``. It reads the layers from import-linter's first contract in pyproject.toml; the layout before
0.2 kept them in tests/harness/test_floors.py.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


def main() -> None:
    """Print one line for each figure."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    engine = root / "harness" / "gapbench"
    top = engine if engine.is_dir() else root / "harness"
    files = {_module_name(path, top): path for path in sorted(top.rglob("*.py"))}
    modules = defaultdict(set)
    for name, path in files.items():
        modules[name] |= {found for found in _imports(path, files) if found != name}
    packages: dict[str, set[str]] = defaultdict(set)
    for name, targets in modules.items():
        if "." in name:
            packages[_package(name)] |= {
                _package(target) for target in targets if "." in target and _package(target) != _package(name)
            }
    layers = _layers(root, top.name)
    arrows = [(source, target) for source, targets in packages.items() for target in targets]
    known = [
        (layers[source], layers[target]) for source, target in arrows if {source, target} <= layers.keys()
    ]
    cycles = [group for group in _cycles(modules) if len(group) > 1]
    print(
        f"modules: {len(files)}; packages and loose modules: {len(packages)}; arrows between them: {len(arrows)}"
    )
    print(
        f"sideways imports: {sum(a == b for a, b in known)}; upward imports: {sum(a < b for a, b in known)}"
    )
    print(
        f"cycles of modules: {len(cycles)}{''.join(chr(10) + '  ' + ', '.join(sorted(group)) for group in cycles)}"
    )
    print(f"depth between packages: {_depth(packages)}")


def _module_name(path: Path, top: Path) -> str:
    return ".".join(path.relative_to(top.parent).with_suffix("").parts).removesuffix(".__init__")


def _package(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _imports(path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module in files:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in files else str(node.module)


def _layers(root: Path, top: str) -> dict[str, int]:
    """Return package to layer, the lowest being 0."""
    old = root / "tests" / "harness" / "test_floors.py"
    if old.exists():
        for node in ast.parse(old.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
                floors: dict[str, int] = ast.literal_eval(node.value)
                return floors
    contract = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    return {
        f"{top}.{name.strip()}": height
        for height, layer in enumerate(reversed(contract["layers"]))
        for name in layer.split("|")
    }


def _cycles(graph: Graph) -> list[set[str]]:
    """Return the strongly connected components (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            found.append(group)

    for node in list(graph):
        if node not in index:
            visit(node)
    return found


def _depth(graph: Graph) -> int:
    """Return the number of packages on the longest chain of imports; a cycle counts as one package."""
    groups = _cycles(graph)
    group_of = {node: number for number, group in enumerate(groups) for node in group}
    memo: dict[int, int] = {}

    def longest(group: int) -> int:
        if group not in memo:
            below = {
                group_of[target]
                for node in groups[group]
                for target in graph.get(node, ())
                if target in group_of and group_of[target] != group
            }
            memo[group] = 1 + max((longest(each) for each in below), default=0)
        return memo[group]

    return max(longest(number) for number in range(len(groups)))


if __name__ == "__main__":
    main()
