"""A user's own task YAML for lm-eval: what of it is code, and where its data lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gapbench.errors import DocumentError

_REMEDY = "it would run with your permissions: read it, then add --allow-code"
# Builders of `datasets` whose data_files are paths; a remote address is left as it is.
_REMOTE = re.compile(r"[a-z0-9+]+://")


@dataclass(frozen=True)
class UserYaml:
    """One checked document.

    Attributes:
        folder: Where it lies; its group's members lie there too.
        config: What lm-eval is given, with the paths of data files made absolute.
        needs_defaults: Whether a group in it names tasks that are not in its folder.
    """

    folder: Path
    config: dict[str, Any]
    needs_defaults: bool

    @property
    def name(self) -> str:
        """The name of its task or group."""
        return str(self.config.get("group") or self.config["task"])

    def index_entry(self) -> Any:
        """Return it as lm-eval's index holds it."""
        from lm_eval.tasks._index import TaskIndex  # noqa: PLC0415 - an extra, imported late

        return TaskIndex.entry_from_config(self.config)

    @classmethod
    def load(cls, file: Path, *, allow_code: bool) -> UserYaml:
        """Read and check a document with all that it includes or names.

        Raises:
            DocumentError: It is missing or no mapping, or it names code that is not allowed.
        """
        if not file.is_file():
            raise DocumentError("no such file; a name without .yaml is one of lm-eval's own tasks", file=file)
        from lm_eval.tasks import TaskManager  # noqa: PLC0415 - an extra, imported late
        from lm_eval.tasks._yaml_loader import load_yaml  # noqa: PLC0415 - what lm-eval reads its own with

        folder = file.resolve().parent
        if not allow_code:
            _refuse_code(file, set())
        try:
            config = load_yaml(file, resolve_func=allow_code)
        except Exception as exc:
            first = str(exc).splitlines()[0]
            raise DocumentError(f"lm-eval cannot read it: {first}", file=file) from exc
        if not isinstance(config.get("group", config.get("task")), str):
            raise DocumentError("it names neither a task nor a group; lm-eval needs `task: NAME`", file=file)
        beside = TaskManager(include_defaults=False, include_path=str(folder)).task_index
        strangers = False
        if isinstance(config.get("task"), list):
            members: list[Any] = []
            for member in config["task"]:
                own = member if isinstance(member, dict) else {"task": member}
                name = own.get("task")
                entry = beside.get(name) if isinstance(name, str) else None
                strangers = strangers or (entry is None and isinstance(name, str))
                if entry is not None and entry.yaml_path is not None:
                    if not allow_code:
                        _refuse_code(Path(entry.yaml_path), set())
                    own = {
                        **_with_absolute_paths(
                            load_yaml(entry.yaml_path, resolve_func=False), folder, only_changed=True
                        ),
                        **own,
                    }
                members.append(own)
            config["task"] = members
        return cls(folder, _with_absolute_paths(config, folder), strangers)


def _with_absolute_paths(
    config: Mapping[str, Any], folder: Path, *, only_changed: bool = False
) -> dict[str, Any]:
    """Return a config whose relative data files are looked for in the folder of the YAML.

    Args:
        config: A task's config.
        folder: Where its YAML lies.
        only_changed: Return nothing but the changed key.
    """
    kwargs = config.get("dataset_kwargs")
    kept: dict[str, Any] = {} if only_changed else dict(config)
    if isinstance(kwargs, Mapping) and "data_files" in kwargs:
        kept["dataset_kwargs"] = {**kwargs, "data_files": _absolute_paths(kwargs["data_files"], folder)}
    return kept


def _absolute_paths(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        beside = folder / value
        return str(beside) if not _REMOTE.match(value) and beside.exists() else value
    if isinstance(value, list):
        return [_absolute_paths(item, folder) for item in value]
    if isinstance(value, Mapping):
        return {key: _absolute_paths(item, folder) for key, item in value.items()}
    return value


def _refuse_code(file: Path, seen: set[Path]) -> None:
    """Refuse a document, or one it includes, that makes lm-eval import or fetch Python.

    Raises:
        DocumentError: With the line of what would run.
    """
    if file.resolve() in seen:
        return
    seen.add(file.resolve())
    try:
        text = file.read_text(encoding="utf-8")
        for event in yaml.parse(text):
            tag = getattr(event, "tag", None)
            if tag and (not tag.startswith("tag:yaml.org,2002:") or ":python/" in tag):
                raise DocumentError(
                    f"{tag} {getattr(event, 'value', '')} is Python; {_REMEDY}",
                    file=file,
                    line=None if event.start_mark is None else event.start_mark.line + 1,
                )
        value = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise DocumentError(f"cannot be read as YAML: {str(exc).splitlines()[0]}", file=file) from exc
    import lm_eval.api.metrics  # noqa: F401, PLC0415 - fills the registry
    from lm_eval.api.registry import metric_registry  # noqa: PLC0415

    for path, inner in _iterate_pairs(value, ()):
        if path[-1] in {"hf_evaluate", "unsafe_code", "trust_remote_code"} and inner is True:
            raise DocumentError(
                f"{path[-1]} fetches or runs Python; {_REMEDY}", file=file, key=".".join(path)
            )
        if path[-1] == "metric" and isinstance(inner, str) and inner not in metric_registry:
            # A metric that lm-eval does not know is loaded as a module, from a folder or from the hub.
            raise DocumentError(f"metric {inner!r} is none of lm-eval's own, so {_REMEDY}", file=file)
        if path[-1] == "use_prompt":
            raise DocumentError(f"use_prompt reads templates of another package; {_REMEDY}", file=file)
    includes = value.get("include", []) if isinstance(value, dict) else []
    for include in includes if isinstance(includes, list) else [includes]:
        _refuse_code(file.parent / str(include), seen)


def _iterate_pairs(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, str(key)), inner
            yield from _iterate_pairs(inner, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _iterate_pairs(item, path)
