"""The rules of the Berkeley Function Calling Leaderboard for the calls of one reply (BFCL v4, "AST" categories).

Written from ``ast_checker.py`` of the package ``bfcl-eval`` (Apache-2.0), quirks included, so that verdicts agree row for
row; ``tests/gapbench/scoring/test_bfcl_checker.py`` compares them with the package's own. The package compares Python
types by identity: ``True`` is no integer, and an integer is a float only where the function says ``float``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

Language = Literal["python", "java", "javascript"]
CallArguments = tuple[str, Mapping[str, Any]]
"""A call: the function's name and its arguments."""
Convert = Callable[..., Any]
"""Reads a value that the model wrote in another language: value, type, and type of the elements if it is a list."""

_PYTHON_TYPES: Mapping[str, type] = {
    "string": str, "integer": int, "float": float, "boolean": bool, "array": list, "tuple": list, "dict": dict,
    "any": str,
}  # fmt: skip
_JAVA_TYPES: Mapping[str, type] = {
    "byte": int, "short": int, "integer": int, "float": float, "double": float, "long": int, "boolean": bool,
    "char": str, "Array": list, "ArrayList": list, "Set": set, "HashMap": dict, "Hashtable": dict, "Queue": list,
    "Stack": list, "String": str, "any": str,
}  # fmt: skip
_JAVASCRIPT_TYPES: Mapping[str, type] = {
    "String": str, "integer": int, "float": float, "Bigint": int, "Boolean": bool, "dict": dict, "array": list,
    "any": str,
}  # fmt: skip
_TYPES: Mapping[Language, Mapping[str, type]] = {
    "python": _PYTHON_TYPES,
    "java": _JAVA_TYPES,
    "javascript": _JAVASCRIPT_TYPES,
}
_LISTS_OF_OTHER_LANGUAGES = frozenset({"Array", "ArrayList", "array"})
_LISTS_OF_PYTHON = frozenset({"array", "tuple"})
_IGNORED_IN_TEXT = re.compile(r"[ \,\.\/\-\_\*\^]")


class MismatchError(Exception):
    """A call that is not the expected one, with the reason in one line."""


def find_mismatch(
    functions: Sequence[Mapping[str, Any]],
    calls: Sequence[CallArguments],
    expected: Sequence[Mapping[str, Mapping[str, Sequence[Any]]]],
    category: str,
    convert: Convert | None = None,
) -> str | None:
    """Return why the calls of a reply are not the expected ones, or None if they are.

    Args:
        functions: The functions as the data describe them: ``name`` and ``parameters`` with ``properties`` and
            ``required``; types are BFCL's own names.
        calls: The reply's calls.
        expected: For each expected call its name, and for each argument the values that are right; "" among them means
            that the argument may be left out.
        category: BFCL's name of the category: it decides whether there are several calls, in any order, and in which
            language values are written.
        convert: Reads values of Java or JavaScript. None: they are Python's.
    """
    if len(calls) != len(expected):
        return f"{len(calls)} calls; expected {len(expected)}"
    language: Language = (
        "java" if "java" in category and "javascript" not in category else
        "javascript" if "javascript" in category else "python"
    )  # fmt: skip
    checker = _CallChecker(language, convert)
    try:
        if "parallel" in category:
            return _find_unmatched(checker, functions, calls, expected)
        described = (
            functions[0] if "multiple" not in category else _described(functions, next(iter(expected[0])))
        )
        checker.check(described, calls[0], expected[0])
    except MismatchError as exc:
        return str(exc)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, NotImplementedError) as exc:
        # The package raises here; such a reply is in no form that it accepts.
        return f"a value has the wrong form ({type(exc).__name__})"
    return None


def _described(functions: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((function for function in functions if function["name"] == name), {})


def _find_unmatched(
    checker: _CallChecker,
    functions: Sequence[Mapping[str, Any]],
    calls: Sequence[CallArguments],
    expected: Sequence[Mapping[str, Mapping[str, Sequence[Any]]]],
) -> str | None:
    """Return the first expected call that no call matches, or None; the order of the calls is free."""
    unused = list(range(len(calls)))
    for wanted in expected:
        described = _described(functions, next(iter(wanted)))
        reasons: list[str] = []
        for position in unused:
            try:
                checker.check(described, calls[position], wanted)
            except MismatchError as exc:
                reasons.append(str(exc))
                continue
            unused.remove(position)
            break
        else:
            return f"no call matches {next(iter(wanted))}: {'; '.join(reasons)}"
    return None


class _CallChecker:
    """Checks one call against one expected call."""

    def __init__(self, language: Language, convert: Convert | None) -> None:
        self._language = language
        self._types = _TYPES[language]
        self._convert = convert

    def check(
        self,
        function: Mapping[str, Any],
        call: CallArguments,
        expected: Mapping[str, Mapping[str, Sequence[Any]]],
    ) -> None:
        """Raise ``MismatchError`` unless the call is the expected one."""
        allowed = next(iter(expected.values()))
        name, arguments = call
        properties = function["parameters"]["properties"]
        if name != function["name"]:
            raise MismatchError(f"it calls {name!r}, not {function['name']!r}")
        for required in function["parameters"]["required"]:
            if required not in arguments:
                raise MismatchError(f"argument {required!r} is missing")
        for argument, value in arguments.items():
            if argument not in properties or argument not in allowed:
                raise MismatchError(f"argument {argument!r} is not expected")
            self._check_value(argument, value, properties[argument], allowed[argument])
        for argument, values in allowed.items():
            if argument not in arguments and "" not in values:
                raise MismatchError(f"argument {argument!r} is missing")

    def _check_value(
        self, argument: str, value: Any, described: Mapping[str, Any], allowed: Sequence[Any]
    ) -> None:
        kind = described["type"]
        wanted = self._types[kind]
        nested: type | None = None
        if self._language == "python":
            if kind in _LISTS_OF_PYTHON:
                nested = self._types[described["items"]["type"]]
            if kind == "float" and type(value) is int:
                value = float(value)
        else:
            if type(value) is not str:
                raise MismatchError(
                    f"argument {argument!r} is {value!r}; expected a text of {self._language}"
                )
            assert self._convert is not None, "other languages need a converter"
            if kind in _LISTS_OF_OTHER_LANGUAGES:
                of = described["items"]["type"]
                nested = self._types[of]
                value = self._convert(value, kind, of)
            else:
                value = self._convert(value, kind)
        is_variable = _check_type(argument, value, allowed, wanted, nested)
        if is_variable:
            # A name in place of a value: it is compared as it is.
            is_right = value in allowed
        elif wanted is dict:
            is_right = any(given != "" and _is_dict_right(value, given) for given in allowed)
        elif wanted is list and nested is dict:
            is_right = any(_is_list_of_dicts_right(value, given) for given in allowed)
        elif wanted is str:
            is_right = _standardize(value) in [_standardize(given) for given in allowed if type(given) is str]
        elif wanted is list:
            is_right = [_standardize(item) for item in value] in [
                [_standardize(item) for item in given] for given in allowed
            ]
        else:
            is_right = value in allowed
        if not is_right:
            raise MismatchError(f"argument {argument!r} is {value!r}; expected one of {list(allowed)!r}")


def _standardize(value: Any) -> Any:
    """Return a text in lower case, without spaces and the marks ``,./-_*^``, with double quotes; others unchanged."""
    return _IGNORED_IN_TEXT.sub("", value).lower().replace("'", '"') if type(value) is str else value


def _check_type(argument: str, value: Any, allowed: Sequence[Any], wanted: type, nested: type | None) -> bool:
    """Return whether a value stands for a variable, whose name the data give as text.

    Raises:
        MismatchError: The value has neither the function's type nor that of the allowed values.
    """
    # "" marks an argument that may be left out; the first other value shows the type.
    given_type = next((type(given) for given in allowed if given != ""), None)
    if type(value) is wanted:
        is_variable = given_type is not None and given_type is not wanted
        if nested is None or any(_has_element_types(argument, value, given, nested) for given in allowed):
            return is_variable
        raise MismatchError(f"argument {argument!r} is {value!r}; expected a list of {nested.__name__}")
    if given_type is not None and type(value) is given_type:
        return True
    raise MismatchError(f"argument {argument!r} is {value!r}; expected {wanted.__name__}")


def _has_element_types(argument: str, value: Any, given: Any, nested: type) -> bool:
    if type(given) is not list:
        return True
    for item in value:
        try:
            _check_type(argument, item, given, nested, None)
        except MismatchError:
            return False
    return True


def _is_dict_right(value: Mapping[str, Any], given: Mapping[str, Sequence[Any]]) -> bool:
    for key, inner in value.items():
        if key not in given or _standardize(inner) not in [_standardize(right) for right in given[key]]:
            return False
    return all(key in value or "" in right for key, right in given.items())


def _is_list_of_dicts_right(value: Sequence[Any], given: Sequence[Any]) -> bool:
    return len(value) == len(given) and all(
        wanted != "" and _is_dict_right(item, wanted) for item, wanted in zip(value, given, strict=True)
    )
