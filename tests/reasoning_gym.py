"""The package reasoning-gym in a process of its own, as a second opinion on our scores."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from gapbench.suite.reasoning_gym.conversion import convert_generator
from gapbench.suite.reasoning_gym.entry import GeneratorDocument, ReasoningGymEntry
from gapbench.suite.reasoning_gym.package import describe_package
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample

needs_reasoning_gym = pytest.mark.skipif(
    importlib.util.find_spec("reasoning_gym") is None,
    reason="the package reasoning-gym is not installed; requirements/public.txt has it",
)
GENERATORS = (
    # Their scorers evaluate the answer, as Python or as a formula.
    "binary_matrix", "n_queens", "spiral_matrix", "string_insertion", "countdown", "puzzle24", "simple_integration",
    "polynomial_multiplication", "intermediate_integration", "number_sorting",
    # They give partial credit, accept any valid solution, or compare in forms of their own.
    "zebra_puzzles", "basic_arithmetic", "chain_sum", "complex_arithmetic", "polynomial_equations", "cryptarithm",
    "game_of_life", "graph_color", "group_anagrams", "jugs", "knights_knaves", "maze", "mini_sudoku",
    "propositional_logic", "rubiks_cube", "shortest_path", "sokoban", "syllogism", "tower_of_hanoi", "word_ladder",
)  # fmt: skip
SCORING_PROGRAM = """
import base64, json, pickle, sys, zlib
from reasoning_gym.factory import DATASETS
datasets, out = {}, sys.stdout
sys.stdout = sys.stderr  # some scorers print
for line in sys.stdin:
    text, answer = json.loads(line)
    generator, config, item = pickle.loads(zlib.decompress(base64.b85decode(text)))
    key = generator, repr(config)
    if key not in datasets:
        datasets[key] = DATASETS[generator][0](config)
    try:
        print(float(datasets[key].score_answer(answer, item)), file=out)
    except Exception:
        print(0.0, file=out)
"""


class Question(NamedTuple):
    """An answer to be scored by both sides; ``kind`` is gold, empty or corrupted."""

    kind: str
    sample: Sample
    answer: str


def make_task(generator: str, **settings: object) -> Task:
    """Return a generator's task."""
    given = GeneratorDocument.model_validate(settings)
    return convert_generator(
        describe_package(), generator, given, ReasoningGymEntry(reasoning_gym={generator: given})
    )


def make_questions(task: Task) -> list[Question]:
    """Return three answers to each item: the right one, none, and the right one damaged in one of four ways."""
    questions = []
    for number, sample in enumerate(task.samples):
        gold = "" if sample.target is None else sample.target.strip()
        other = str(task.samples[number - 1].target).strip()
        damaged = (other, gold[: len(gold) // 2], shift_last(gold), f"[{gold}]")[number % 4]
        answers = {"gold": gold, "empty": "", "corrupted": damaged.strip()}
        questions += [Question(kind, sample, answer) for kind, answer in answers.items()]
    return questions


def shift_last(text: str) -> str:
    """Return a text whose last letter or digit is another."""
    return f"{text[:-1]}{chr(ord(text[-1]) + 1)}" if text else "1"


def package_scores(questions: Sequence[Question]) -> list[float]:
    """Return the package's own scores; 0 where its scorer raises."""
    lines = "".join(
        json.dumps([question.sample.columns["entry"], question.answer]) + "\n" for question in questions
    )
    ran = subprocess.run(
        [sys.executable, "-c", SCORING_PROGRAM], input=lines, capture_output=True, text=True, check=True
    )
    return [float(line) for line in ran.stdout.split()]
