"""The package ``lm_eval`` itself: imported late, kept quiet, seeded as its own command line seeds it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gapbench.errors import BenchError, InputError, SetupError
from gapbench.suite.lm_eval import generative_equivalents
from gapbench.suite.lm_eval.user_yaml import UserYaml

# lm_eval/defaults.py: what `lm_eval run` seeds Python with, and numpy and the few-shot draw.
PYTHON_SEED = 0
NUMPY_AND_FEWSHOT_SEED = 1234
# A stderr with no closed form is bootstrapped; lm-eval itself caps the text metrics at this many draws.
BOOTSTRAP_DRAWS = 100


def import_lm_eval() -> ModuleType:
    """Return the imported package.

    Raises:
        SetupError: It is not installed.
    """
    try:
        with suppress_output():
            import lm_eval.tasks  # noqa: PLC0415 - a second of imports, due only for a suite that asks
            import lm_eval.utils  # noqa: PLC0415
            from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415
    except ImportError as exc:
        raise SetupError(f"lm-eval is not installed ({exc}); pip install 'gapbench[lm-eval]'") from exc
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    own = lm_eval.utils.env
    if not isinstance(own, SandboxedEnvironment):
        # Templates of a task YAML from elsewhere would otherwise reach every Python object.
        boxed = SandboxedEnvironment(
            loader=own.loader, undefined=own.undefined, keep_trailing_newline=own.keep_trailing_newline
        )
        boxed.filters.update(own.filters)
        lm_eval.utils.env = boxed
    library: ModuleType = lm_eval
    return library


@contextlib.contextmanager
def suppress_output() -> Iterator[None]:
    """Keep lm-eval's progress bars and warnings from the user's terminal, whatever it raises.

    It takes the process's own streams away, so it is for the main thread, where nothing else is drawn meanwhile.
    """
    before = os.environ.get("DISABLE_MULTIPROC")
    # Its bootstrap would fork this process once for each core.
    os.environ["DISABLE_MULTIPROC"] = "1"
    sink = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(sink),
            contextlib.redirect_stdout(sink),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ["DISABLE_MULTIPROC"]
        else:
            os.environ["DISABLE_MULTIPROC"] = before


@contextlib.contextmanager
def seed_generators() -> Iterator[None]:
    """Seed the global generators as ``lm_eval run`` does, for tasks that shuffle, and put them back."""
    import numpy as np  # noqa: PLC0415

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - lm-eval's tasks draw from the global one
    random.seed(PYTHON_SEED)
    np.random.seed(NUMPY_AND_FEWSHOT_SEED)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def load_task_dict(
    name: str, folder: Path, *, num_fewshot: int | None, closed_models: Sequence[str], allow_code: bool
) -> dict[str, Any]:
    """Return lm-eval's ``{"tasks": …, "groups": …}`` for a name or a user's task YAML.

    Few-shot numbers and seeds are set as ``lm_eval.simple_evaluate`` sets them.

    Args:
        name: A task, group or tag of lm-eval, or a path ending in .yaml.
        folder: What a relative path is relative to.
        num_fewshot: Worked examples. None: the task's own number.
        closed_models: Models with closed weights that will be asked.
        allow_code: Whether Python that a user's YAML names may run.

    Raises:
        InputError: There is no such task, it needs what a closed model does not give, or its YAML names code
            that is not allowed.
        SetupError: lm-eval is missing, or the task's data cannot be loaded.
    """
    import_lm_eval()
    user = UserYaml.load(folder / name, allow_code=allow_code) if name.endswith((".yaml", ".yml")) else None
    try:
        with suppress_output():
            manager = _builtin_task_manager() if user is None else _user_task_manager(user)
            _check_task(name, user, manager.task_index, closed_models)
            loaded: dict[str, Any] = manager.load([name if user is None else user.name])
    except BenchError:
        raise
    except Exception as exc:
        first = (str(exc).strip() or type(exc).__name__).splitlines()[0]
        raise SetupError(
            f"lm-eval cannot load {name!r}: {type(exc).__name__}: {first[:300]}; "
            "does its data set need the network, or another package?"
        ) from exc
    for task in loaded["tasks"].values():
        own = task.get_config("num_fewshot")
        if num_fewshot is not None and own != 0:
            task.set_config(key="num_fewshot", value=num_fewshot)
        elif own is None:
            task.set_config(key="num_fewshot", value=0)
    return loaded


@lru_cache
def _builtin_task_manager() -> Any:
    """Return lm-eval's own tasks; reading their fourteen thousand YAMLs takes seconds."""
    from lm_eval.tasks import TaskManager  # noqa: PLC0415 - an extra, imported late

    return TaskManager()


def _user_task_manager(user: UserYaml) -> Any:
    from lm_eval.tasks import TaskManager  # noqa: PLC0415 - an extra, imported late

    manager = TaskManager(include_defaults=user.needs_defaults, include_path=str(user.folder))
    # Its task is loaded by name, since a config given as such hands a group's own keys on to its tasks.
    manager.task_index[user.name] = user.index_entry()
    return manager


def _check_task(
    name: str, user: UserYaml | None, index: Mapping[str, Any], closed_models: Sequence[str]
) -> None:
    if user is None and name not in index:
        raise InputError(_describe_unknown_task(name, index))
    if closed_models and generative_equivalents.needs_logprobs(name if user is None else user.config, index):
        raise generative_equivalents.closed_model_error(name, closed_models, index)


def _describe_unknown_task(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(name, known, 3)
    hint = f"did you mean {' or '.join(repr(one) for one in near)}? " if near else ""
    return f"lm-eval has no task, group or tag {name!r}; {hint}`lm_eval ls tasks` lists them, and your own is ./path/to/task.yaml"
