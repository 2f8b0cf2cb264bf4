"""The rules of BFCL for calls: facts by hand, and agreement with the package's own checker on mutated answers."""

from __future__ import annotations

import copy
import importlib
import random
import sys
from types import ModuleType
from typing import Any

import pytest

from gapbench.scoring.bfcl_checker import find_mismatch
from gapbench.suite.bfcl.package import read_category
from gapbench.suite.bfcl.reference import reference_calls

AREA = {
    "name": "area",
    "parameters": {
        "properties": {
            "base": {"type": "integer"},
            "height": {"type": "float"},
            "unit": {"type": "string"},
            "marks": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["base"],
    },
}
RIGHT: dict[str, dict[str, list[Any]]] = {
    "area": {"base": [10], "height": [5.0], "unit": ["cm", ""], "marks": [[1, 2], ""]}
}


def mismatch(arguments: dict[str, Any], name: str = "area") -> str | None:
    """Return the verdict on one call of ``area``."""
    return find_mismatch([AREA], [(name, arguments)], [RIGHT], "simple_python")


def test_the_expected_call_is_right() -> None:
    assert mismatch({"base": 10, "height": 5.0, "unit": "cm", "marks": [1, 2]}) is None


def test_an_optional_argument_may_be_left_out() -> None:
    assert mismatch({"base": 10, "height": 5.0}) is None


def test_an_integer_passes_for_a_float() -> None:
    assert mismatch({"base": 10, "height": 5}) is None


def test_a_float_does_not_pass_for_an_integer() -> None:
    assert mismatch({"base": 10.0, "height": 5.0}) is not None


def test_true_is_no_integer() -> None:
    assert find_mismatch([AREA], [("area", {"base": True})], [{"area": {"base": [1]}}], "simple_python")


def test_text_is_compared_without_case_spaces_and_marks() -> None:
    assert mismatch({"base": 10, "height": 5.0, "unit": " C.M"}) is None


def test_the_order_of_a_list_counts() -> None:
    assert mismatch({"base": 10, "height": 5.0, "marks": [2, 1]}) is not None


def test_an_argument_that_is_not_expected_is_wrong() -> None:
    assert mismatch({"base": 10, "height": 5.0, "color": "red"}) == "argument 'color' is not expected"


def test_another_function_is_wrong() -> None:
    assert mismatch({"base": 10, "height": 5.0}, "volume") == "it calls 'volume', not 'area'"


def test_parallel_calls_may_come_in_any_order() -> None:
    expected = [{"area": {"base": [1]}}, {"area": {"base": [2]}}]
    calls = [("area", {"base": 2}), ("area", {"base": 1})]
    assert find_mismatch([AREA], calls, expected, "parallel") is None


def test_one_call_does_not_answer_two() -> None:
    expected = [{"area": {"base": [1]}}, {"area": {"base": [1]}}]
    assert find_mismatch([AREA], [("area", {"base": 1})], expected, "parallel") == "1 calls; expected 2"


CATEGORIES = {
    "simple_python": "PYTHON", "simple_java": "JAVA", "simple_javascript": "JAVASCRIPT", "multiple": "PYTHON",
    "parallel": "PYTHON", "parallel_multiple": "PYTHON", "live_simple": "PYTHON", "live_multiple": "PYTHON",
    "live_parallel": "PYTHON", "live_parallel_multiple": "PYTHON",
}  # fmt: skip
MODEL_CONFIG = "bfcl_eval.constants.model_config"


class AnyModel(dict[str, Any]):
    """Stands for the package's table of models, which imports every vendor's client; names keep their dots."""

    underscore_to_dot = False

    def __missing__(self, key: str) -> Any:
        """Return the settings of any model."""
        return self


@pytest.fixture(scope="module")
def package() -> Any:
    """Return the package's checker, imported without its table of models."""
    stub = ModuleType(MODEL_CONFIG)
    stub.MODEL_CONFIG_MAPPING = AnyModel()  # type: ignore[attr-defined]  # a module made here
    assert MODEL_CONFIG not in sys.modules
    sys.modules[MODEL_CONFIG] = stub
    try:
        yield importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
    finally:
        del sys.modules[MODEL_CONFIG]


def converter(category: str) -> Any:
    """Return the package's reader of values of another language. None for Python."""
    folder = "bfcl_eval.eval_checker.ast_eval.type_convertor"
    if category == "simple_java":
        return importlib.import_module(f"{folder}.java_type_converter").java_type_converter
    if category == "simple_javascript":
        return importlib.import_module(f"{folder}.js_type_converter").js_type_converter
    return None


def package_verdict(package: Any, row: Any, calls: Any, answer: Any, category: str) -> bool:
    """Return the package's own verdict; an exception means that it could not accept the answer."""
    language = package.Language[CATEGORIES[category]]
    decoded = [{name: copy.deepcopy(arguments)} for name, arguments in calls]
    try:
        found = package.ast_checker(row["function"], decoded, answer, language, category, "any")
    except Exception:  # noqa: BLE001 - whatever its checker raises
        return False
    return bool(found["valid"])


def mutate(calls: list[tuple[str, dict[str, Any]]], draw: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """Return calls with one change: to a name, an argument, a type, the order or the number."""
    calls = [(name, dict(arguments)) for name, arguments in calls]
    place = draw.randrange(len(calls))
    name, arguments = calls[place]
    key = draw.choice(list(arguments)) if arguments else None
    kind = draw.randrange(12)
    if kind == 0:
        calls[place] = (f"{name}x", arguments)
    elif kind == 1:
        calls.append(calls[0])
    elif kind == 2:
        calls.pop(place)
    elif kind == 3:
        calls.reverse()
    elif kind == 4:
        arguments["extra"] = 1
    elif key is not None:
        value = arguments[key]
        other: list[Any] = [True, 0, "", None, {}, [], {"a": 1}, [[1]], [{"a": "b"}], str(value), [value]]
        if isinstance(value, str):
            other += [value.upper(), f"{value} ", f"{value}z", value.replace(" ", "-")] * 2
        elif isinstance(value, list):
            other += [value[::-1], [str(item) for item in value], value[1:]] * 3
        elif isinstance(value, dict):
            other += [{**value, "more": 1}, dict(list(value.items())[1:])] * 3
        elif isinstance(value, (int, float)):
            other += [value + 1, float(value), -value] * 2
        if kind == 5:
            del arguments[key]
        else:
            arguments[key] = draw.choice(other)
    return calls


@pytest.mark.parametrize("category", CATEGORIES)
def test_verdicts_on_mutated_answers_equal_the_package_s(category: str, package: Any) -> None:
    rows, draw = read_category(category), random.Random(category)
    verdicts = {True: 0, False: 0}
    for row, given in zip(rows.questions, rows.answers, strict=True):
        answer = given["ground_truth"]
        right = [
            (name, dict(arguments)) for name, arguments in reference_calls(row["function"], answer, category)
        ]
        for calls in (right, mutate(right, draw), mutate(right, draw)):
            theirs = package_verdict(package, row, calls, answer, category)
            ours = find_mismatch(row["function"], copy.deepcopy(calls), answer, category, converter(category))
            assert theirs is (ours is None), (row["id"], calls, ours)
            verdicts[theirs] += 1
    assert min(verdicts.values()) > 0


NO_RIGHT_ANSWER = {
    "simple_java": {"simple_java_36", "simple_java_64", "simple_java_65"},
    "live_simple": {"live_simple_106-63-0", "live_simple_112-68-0"},
    "live_multiple": {"live_multiple_862-181-3", "live_multiple_964-207-0"},
}
"""Items whose own possible answers the package's rules do not accept, such as a required argument without a right value."""


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_reference_is_right_on_every_item_that_has_a_right_answer(category: str) -> None:
    rows = read_category(category)
    wrong = {
        row["id"]
        for row, given in zip(rows.questions, rows.answers, strict=True)
        if find_mismatch(
            row["function"],
            reference_calls(row["function"], given["ground_truth"], category),
            given["ground_truth"],
            category,
            converter(category),
        )
    }
    assert wrong == NO_RIGHT_ANSWER.get(category, set())
