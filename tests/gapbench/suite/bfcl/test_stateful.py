"""Conversations over BFCL's stateful classes: facts by hand, and agreement with the package's own checker."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import random
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from gapbench.suite.bfcl import stateful
from gapbench.suite.bfcl.package import read_category
from gapbench.suite.bfcl.stateful import Instances, find_mismatch, parse_call

MODEL_CONFIG = "bfcl_eval.constants.model_config"
FILES = {
    "root": {"workspace": {"type": "directory", "contents": {"a.txt": {"type": "file", "content": "one"}}}}
}
CONFIG = {"GorillaFileSystem": FILES}
CLASSES = ["GorillaFileSystem"]
RIGHT = [["cat(file_name='a.txt')"], ["touch(file_name='b.txt')"]]


def check(*turns: list[list[tuple[str, dict[str, Any]]]]) -> str | None:
    """Return the verdict on the replies of each turn."""
    return find_mismatch(CLASSES, CONFIG, turns, RIGHT)


def test_the_right_calls_are_right() -> None:
    assert check([[("cat", {"file_name": "a.txt"})]], [[("touch", {"file_name": "b.txt"})]]) is None


def test_more_calls_than_needed_are_right_while_the_state_is() -> None:
    assert (
        check([[("ls", {}), ("cat", {"file_name": "a.txt"})]], [[("touch", {"file_name": "b.txt"})]]) is None
    )


def test_a_turn_without_a_call_is_wrong() -> None:
    assert check([], [[("touch", {"file_name": "b.txt"})]]) == "turn 0: no call"


def test_another_state_is_wrong() -> None:
    found = check([[("cat", {"file_name": "a.txt"})]], [[("touch", {"file_name": "c.txt"})]])
    assert found == "turn 1: GorillaFileSystem.root is not as it should be"


def test_a_result_that_never_came_is_wrong() -> None:
    found = check([[("ls", {})]], [[("touch", {"file_name": "b.txt"})]])
    assert found == 'turn 0: no call has brought \'{"file_content": "one"}\''


def test_a_conversation_that_ended_early_is_wrong() -> None:
    assert check([[("cat", {"file_name": "a.txt"})]]) == "it ended after 1 of 2 turns"


def test_text_of_a_model_is_never_evaluated() -> None:
    instances = Instances(CLASSES, CONFIG, long_context=False)
    assert "is not defined" in instances.call(("__import__('os').system", (), {}))


def test_a_call_in_the_data_has_only_literals() -> None:
    with pytest.raises(ValueError, match="malformed node"):
        parse_call("cat(file_name=open('x').read())")


class AnyModel(dict[str, Any]):
    """Stands for the package's table of models, which imports every vendor's client."""

    underscore_to_dot = False

    def __missing__(self, key: str) -> Any:
        """Return the settings of any model."""
        return self


@pytest.fixture(scope="module")
def package() -> Iterator[Any]:
    """Return the package's checker, imported without its table of models."""
    stub = ModuleType(MODEL_CONFIG)
    stub.MODEL_CONFIG_MAPPING = AnyModel()  # type: ignore[attr-defined]  # a module made here
    sys.modules[MODEL_CONFIG] = stub
    try:
        yield importlib.import_module("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker")
    finally:
        del sys.modules[MODEL_CONFIG]


Turns = list[list[list[tuple[str, dict[str, Any]]]]]


def reference(row: Any, expected: list[list[str]]) -> Turns:
    """Return the right calls, one in each reply, with all arguments named."""
    instances = Instances(row["involved_classes"], row["initial_config"], long_context=False)
    methods = {
        name: method
        for instance in instances.by_class.values()
        for name, method in inspect.getmembers(instance, inspect.ismethod)
    }

    def named(text: str) -> tuple[str, dict[str, Any]]:
        name, positional, arguments = parse_call(text)
        names = list(inspect.signature(methods[name]).parameters)
        return name, {**dict(zip(names, positional, strict=False)), **arguments}

    return [[[named(text)] for text in turn] for turn in expected]


def mutate(turns: Turns, draw: random.Random) -> Turns:
    """Return a conversation with one change."""
    turns = copy.deepcopy(turns)
    turn = turns[draw.randrange(len(turns))]
    kind = draw.randrange(6)
    if kind == 0:
        turn.clear()
    elif kind == 1:
        turn.append([("no_such_function", {})])
    elif kind == 2:
        turn.reverse()
    elif turn and kind == 3:
        turn.pop(draw.randrange(len(turn)))
    elif turn and kind == 4:
        turn.append(turn[0])
    elif turn and (arguments := turn[-1][0][1]):
        arguments[draw.choice(list(arguments))] = draw.choice(["x", 1, None, [], True])
    return turns


@pytest.mark.parametrize("name", ["base", "miss_func", "miss_param", "long_context"])
def test_verdicts_on_mutated_conversations_equal_the_package_s(name: str, package: Any) -> None:
    category = f"multi_turn_{name}"
    rows, draw = read_category(category), random.Random(category)
    verdicts = {True: 0, False: 0}
    for row, given in zip(rows.questions, rows.answers, strict=True):
        expected = given["ground_truth"]
        right = reference(row, expected)
        for number, turns in enumerate((right, mutate(right, draw))):
            texts = [
                [
                    [f"{call}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"]
                    for [(call, arguments)] in turn
                ]
                for turn in turns
            ]
            theirs = package.multi_turn_checker(texts, expected, row, category, f"{row['id']}-{number}")
            ours = find_mismatch(
                row["involved_classes"],
                json.loads(json.dumps(row["initial_config"])),
                turns,
                expected,
                long_context=name == "long_context",
            )
            assert theirs["valid"] is (ours is None), (row["id"], turns, ours)
            assert number > 0 or ours is None
            verdicts[theirs["valid"]] += 1
    assert min(verdicts.values()) > 0


def test_a_process_that_is_started_again_has_what_the_calls_before_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The state has the calls: cd in one process, pwd in the next."""
    monkeypatch.setattr(stateful, "_objects", [])
    root = {
        "root": {"w": {"type": "directory", "contents": {"inner": {"type": "directory", "contents": {}}}}}
    }
    state: dict[str, Any] = {
        "classes": CLASSES, "config": {"GorillaFileSystem": root}, "long_context": False, "calls": [],
    }  # fmt: skip
    stateful.run_call(state, name="cd", arguments={"folder": "inner"})
    stateful._objects.clear()
    assert (
        json.loads(stateful.run_call(state, name="pwd", arguments={}))["current_working_directory"]
        == "/w/inner"
    )
    assert state["calls"] == [["cd", {"folder": "inner"}], ["pwd", {}]]
