"""The files of tau2 inside the installed package ``inspect-evals``."""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.errors import SetupError
from gapbench.suite.package_files import installed_version, read_package_file
from gapbench.values import sha256

PACKAGE = "inspect-evals"
INSTALL_HINT = "pip install --no-deps inspect-evals==0.28.0 (without its dependencies: only tau2's data and tools are used)"


@dataclass(frozen=True, slots=True)
class Tau2Domain:
    """One domain as the package has it.

    Attributes:
        name: Of the domain.
        items: The tasks, in file order.
        splits: Name of a split to the ids of its tasks.
        policy: What the agent must follow.
        user_guidelines: The part of the user's system prompt that all tasks share.
        sources: Name of a source file to its syntax tree.
        version: Version of the package.
        sha256: Hash of the bytes of all files that the domain's tasks depend on.
    """

    name: str
    items: Sequence[Mapping[str, Any]]
    splits: Mapping[str, Sequence[str]]
    policy: str
    user_guidelines: str
    sources: Mapping[str, ast.Module]
    version: str
    sha256: str


def find_tau2_folder() -> Path:
    """Return the folder of tau2, without importing the package.

    Raises:
        SetupError: The package is not installed, or has no tau2.
    """
    spec = importlib.util.find_spec("inspect_evals")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"inspect-evals is not installed; {INSTALL_HINT}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "tau2"
    if not (folder / "data" / "domains").is_dir():
        raise SetupError(f"{folder} has no data of tau2; install the version that has: {INSTALL_HINT}")
    return folder


def read_domain(name: str) -> Tau2Domain:
    """Return one domain.

    Args:
        name: ``airline`` or ``retail``.

    Raises:
        SetupError: The package is not installed, or a file is missing or not as expected.
    """
    folder = find_tau2_folder()
    data = folder / "data" / "domains" / name
    sources = {
        "tools": folder / name / "tools.py",
        "data_model": folder / name / "data_model.py",
        "agents": folder / name / "agents.py",
        "dataset": folder / name / "dataset.py",
        "common_tools": folder / "common" / "tools.py",
        "common_dataset": folder / "common" / "dataset.py",
        "common_agents": folder / "common" / "agents.py",
    }
    files = {
        **sources,
        "items": data / "tasks.json",
        "splits": data / "split_tasks.json",
        "policy": data / "policy.txt",
        "user_guidelines": folder / "data" / "user_simulator" / "simulation_guidelines.txt",
        # They run in the sandbox only, but decide the score as well.
        "db": data / "db.json.gz",
        "tool_class": folder / name / f"{name.capitalize()}AgentTools.py",
    }
    found = {key: read_package_file(file, INSTALL_HINT) for key, file in files.items()}
    try:
        return Tau2Domain(
            name=name,
            items=json.loads(found["items"]),
            splits=json.loads(found["splits"]),
            policy=found["policy"].decode(),
            user_guidelines=found["user_guidelines"].decode(),
            sources={key: ast.parse(found[key]) for key in sources},
            version=installed_version(PACKAGE),
            sha256=sha256("\n".join(f"{key} {sha256(content)}" for key, content in found.items())),
        )
    except (ValueError, SyntaxError) as exc:
        raise SetupError(f"{folder}: a file cannot be read ({exc}); {INSTALL_HINT}") from exc
