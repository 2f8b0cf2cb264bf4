"""The data inside the installed package ``bfcl-eval``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.errors import SetupError
from gapbench.suite.package_files import installed_version, read_package_file
from gapbench.values import sha256

PACKAGE = "bfcl-eval"
DATA_VERSION = "BFCL_v4"
INSTALL_HINT = (
    "pip install --no-deps bfcl-eval (without its dependencies: only its data, checks and classes are used)"
)


@dataclass(frozen=True, slots=True)
class BfclRows:
    """The rows of one category.

    Attributes:
        questions: In file order.
        answers: The possible answers, in the same order. (): the category has none.
        version: Version of the package.
        sha256: Hash of the files' bytes.
    """

    questions: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]
    version: str
    sha256: str


def find_data_folder() -> Path:
    """Return the folder of the package's data, without importing the package.

    Raises:
        SetupError: The package is not installed, or has no data of this version.
    """
    spec = importlib.util.find_spec("bfcl_eval")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"bfcl-eval is not installed; {INSTALL_HINT}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    if not (folder / f"{DATA_VERSION}_simple_python.json").is_file():
        raise SetupError(f"{folder} has no {DATA_VERSION} data; install a newer one: {INSTALL_HINT}")
    return folder


def read_category(category: str) -> BfclRows:
    """Return the rows of one category.

    Raises:
        SetupError: The package is not installed, or lacks the category.
    """
    folder = find_data_folder()
    question_file = folder / f"{DATA_VERSION}_{category}.json"
    answer_file = folder / "possible_answer" / question_file.name
    questions = read_package_file(question_file, INSTALL_HINT)
    answers = read_package_file(answer_file, INSTALL_HINT) if answer_file.is_file() else b""
    return BfclRows(
        _read_lines(questions),
        _read_lines(answers),
        installed_version(PACKAGE),
        sha256(questions + b"\n" + answers),
    )


def read_functions(name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the descriptions of one file of functions, in file order.

    Args:
        name: The file in ``multi_turn_func_doc``, without its ending.

    Raises:
        SetupError: The package is not installed, or lacks the file.
    """
    file = find_data_folder() / "multi_turn_func_doc" / f"{name}.json"
    return _read_lines(read_package_file(file, INSTALL_HINT))


def _read_lines(data: bytes) -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(line) for line in data.splitlines() if line.strip())
