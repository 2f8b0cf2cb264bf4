"""The tools of tau2's airline and retail domains over their database. Runs inside the sandbox, as a module of tools.

The tools are those of the installed package ``inspect-evals``. What the package's files import from ``inspect_ai`` and
others is replaced here. The database has up to 3 MB and never travels: the state has only the records that differ from it.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import inspect
import json
import sys
import types
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

_ROOT = "inspect_evals"
_PACKAGE = f"{_ROOT}.tau2"
_TOOL_CLASSES = {"airline": "AirlineAgentTools", "retail": "RetailAgentTools"}
# The package leaves them out when it replays the reference: they change nothing.
_WITHOUT_STATE = frozenset({"calculate", "transfer_to_human_agents"})


class Error(Exception):
    """A tool refuses a call. The model sees "Error: " and the message, as in tau2."""


class ToolError(Exception):
    """In place of the class of this name in ``inspect_ai``."""


class StoreModel(BaseModel):
    """In place of the class of this name in ``inspect_ai``."""


class Table(dict[str, Any]):
    """A table of the database. A record becomes an object of the package when it is first used.

    Most calls use a few records of thousands, so that reading and comparing all of them would be nearly all of their cost.

    Args:
        rows: Key to record, plain JSON values.
        record_type: Makes an object of a record.
    """

    def __init__(self, rows: Mapping[str, Any], record_type: TypeAdapter[Any]) -> None:
        """Keep the records as they are."""
        super().__init__(rows)
        self._record_type = record_type
        self._fresh: dict[str, str | None] = {}
        self._used: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        """Return a record as an object."""
        if key not in self._fresh:
            record = self._record_type.validate_python(super().__getitem__(key))
            self._fresh[key] = _dump(record)
            super().__setitem__(key, record)
        self._used.add(key)
        return super().__getitem__(key)

    def __setitem__(self, key: str, record: Any) -> None:
        """Put a record in place of another, or add it."""
        self._use(key)
        super().__setitem__(key, record)

    def __delitem__(self, key: str) -> None:
        """Remove a record."""
        self._use(key)
        super().__delitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a record as an object, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a record and return it as an object."""
        if key not in self and default:
            return default[0]
        record = self[key]
        super().__delitem__(key)
        return record

    def values(self) -> Any:
        """Return all records as objects."""
        return [self[key] for key in self]

    def items(self) -> Any:
        """Return all keys with their records as objects."""
        return [(key, self[key]) for key in self]

    def put(self, key: str, record: Any) -> None:
        """Put a record of plain JSON values in place of another; None removes it."""
        if record is None:
            self.pop(key, None)
        else:
            self[key] = self._record_type.validate_python(record)

    def take_changes(self) -> tuple[dict[str, Any], set[str]]:
        """Return the records that were used since the last time and differ from the fresh ones, and the keys of the others."""
        used, self._used = self._used, set()
        changed, same = {}, set()
        for key in sorted(used):
            text = _dump(dict.__getitem__(self, key)) if key in self else None
            if _differs(text, self._fresh[key]):
                changed[key] = None if text is None else json.loads(text)
            else:
                same.add(key)
        return changed, same

    def fresh(self, key: str) -> Any:
        """Return a record that was used as it was at first; None: there was none."""
        text = self._fresh[key]
        return None if text is None else json.loads(text)

    def _use(self, key: str) -> None:
        """Keep what a record is at first, if that was not done."""
        if key in self:
            self[key]
        else:
            self._fresh.setdefault(key, None)
            self._used.add(key)


class Database:
    """The package's database of one domain, and its tools.

    Args:
        domain: ``airline`` or ``retail``.
    """

    def __init__(self, domain: str) -> None:
        """Read the database."""
        _replace_imports(self)
        class_name = _TOOL_CLASSES[domain]
        tools_class = getattr(importlib.import_module(f"{_PACKAGE}.{domain}.{class_name}"), class_name)
        module = importlib.import_module(f"{_PACKAGE}.{domain}.tools")
        file = _package_folder() / "tau2" / "data" / "domains" / domain / "db.json.gz"
        # Not by the package's own function, which would leave a copy of 7 MB in /tmp.
        rows = json.loads(gzip.decompress(file.read_bytes()))
        db_class = tools_class.model_fields["db"].annotation
        self.tables = {
            name: Table(rows[name], TypeAdapter(get_args(field.annotation)[1]))
            for name, field in db_class.model_fields.items()
        }
        self.tools = tools_class.model_construct(db=db_class.model_construct(**self.tables), initialized=True)
        self._executes: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
            make.__name__: make() for make in getattr(module, f"all_{domain}_tools")
        }
        self.state: dict[str, Any] = {"domain": domain, "changed": {}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Bring the database into a state, which :meth:`call` and :meth:`replay` then change in place."""
        for name, records in self.state["changed"].items():
            for key in records:
                self.tables[name].put(key, self.tables[name].fresh(key))
        for name, records in state["changed"].items():
            for key, record in records.items():
                self.tables[name].put(key, record)
        self.state = state

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call one tool as the package's own agent does.

        Raises:
            Error: The tool refuses the call, or fails.
        """
        try:
            execute = self._executes[name]
            result = _finish(execute(**_converted(execute, arguments)))
        except Exception as exc:  # noqa: BLE001 - whatever a tool raises is its result
            raise Error(str(exc)) from None
        finally:
            self._write_changes()
        return str(result)

    def replay(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Run the reference's actions as the package's scorer does."""
        for action in actions:
            if action["name"] in _WITHOUT_STATE:
                continue
            try:
                getattr(self.tools, action["name"])(**action["arguments"])
            except ToolError:
                continue
        self._write_changes()

    def _write_changes(self) -> None:
        changed = self.state["changed"]
        try:
            for name, table in self.tables.items():
                records = changed.pop(name, {})
                differing, same = table.take_changes()
                records.update(differing)
                for key in same.intersection(records):
                    del records[key]
                if records:
                    changed[name] = records
        except BaseException:
            _databases.clear()  # what is in it cannot be stored; the next call starts with the state before this one
            raise


def _dump(record: Any) -> str:
    return str(record.model_dump_json(warnings=False))


def _differs(text: str | None, fresh: str | None) -> bool:
    """Return whether two JSON texts differ in more than the order of keys, which the package's hash ignores."""
    if text == fresh or text is None or fresh is None:
        return text != fresh
    one, other = (json.dumps(json.loads(given), sort_keys=True) for given in (text, fresh))
    return one != other


_databases: dict[str, Database] = {}


def run_call(state: dict[str, Any], *, name: str, arguments: Mapping[str, Any]) -> str:
    """Run one call of an episode.

    Args:
        state: ``domain``, and ``changed``: by table and key, each record that differs from the package's database; None
            for one that was removed.
        name: The tool.
        arguments: Its arguments.

    Raises:
        Error: The tool refuses the call, or fails.
    """
    return _open_database(state).call(name, arguments)


def replay_actions(state: dict[str, Any], *, actions: Sequence[Mapping[str, Any]]) -> None:
    """Run the reference's actions as the package's scorer does.

    Args:
        state: As for :func:`run_call`.
        actions: ``name`` and ``arguments`` of each.
    """
    _open_database(state).replay(actions)


def _open_database(state: dict[str, Any]) -> Database:
    domain = state["domain"]
    database = _databases.get(domain)
    if database is None:
        database = _databases[domain] = Database(domain)
    if database.state is not state:
        database.set_state(state)
    return database


def _converted(execute: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with plain types converted, as ``inspect_ai`` does: 2.0 is 2 where a whole number is asked for."""
    parameters = inspect.signature(execute).parameters
    return {
        name: parameters[name].annotation(value)
        if name in parameters and parameters[name].annotation in (int, float, str, bool)
        else value
        for name, value in arguments.items()
    }


def _finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("the tool waits for something, which it cannot do here")


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_ROOT) if _ROOT not in sys.modules else sys.modules[_ROOT].__spec__
    assert spec is not None, "inspect-evals is installed"
    assert spec.submodule_search_locations is not None, "it is a package"
    return Path(next(iter(spec.submodule_search_locations)))


def _replace_imports(database: Database) -> None:
    """Put in place what the package's files import from elsewhere, and keep its own ``__init__`` files from running."""
    folder = _package_folder()
    for name, path in ((_ROOT, folder), (_PACKAGE, folder / "tau2")):
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        package.__spec__ = importlib.util.spec_from_loader(name, None, is_package=True)
        assert package.__spec__ is not None
        package.__spec__.submodule_search_locations = [str(path)]
        sys.modules[name] = package
    replaced: dict[str, dict[str, Any]] = {
        "inspect_ai": {},
        "inspect_ai.model": {"Content": object, "ContentText": object},
        "inspect_ai.tool": {"Tool": object, "ToolError": ToolError, "tool": lambda make: make},
        "inspect_ai.util": {"StoreModel": StoreModel, "store_as": lambda *_: database.tools},
        "toml": {},
        "yaml": {},
    }
    for name, content in replaced.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
