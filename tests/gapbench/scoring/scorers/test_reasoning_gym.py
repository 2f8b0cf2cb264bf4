"""The scorer ``reasoning_gym`` against the package's own scores, and against answers that try to run."""

from __future__ import annotations

import pytest

from gapbench.scoring.registry import make_scorer
from gapbench.scoring.scorer import Scorer
from gapbench.scoring.scorers.reasoning_gym import find_tagged_answer
from gapbench.suite.reasoning_gym.conversion import write_answer
from gapbench.values import Sample
from tests.reasoning_gym import GENERATORS, make_questions, make_task, needs_reasoning_gym, package_scores

pytestmark = needs_reasoning_gym

ITEMS = 3


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return make_scorer("reasoning_gym", {})


def test_every_score_equals_the_package_s(scorer: Scorer) -> None:
    """30 generators, 3 items, 3 answers: 270 comparisons; benchmarks/reasoning_gym_scores.py makes 4,500."""
    questions = [question for name in GENERATORS for question in make_questions(make_task(name, count=ITEMS))]
    ours = [scorer(write_answer(question.answer), question.sample).value for question in questions]
    assert len(ours) == 30 * ITEMS * 3
    assert ours == package_scores(questions)
    gold = [score for score, question in zip(ours, questions, strict=True) if question.kind == "gold"]
    assert gold == [1.0] * len(gold)


def test_partial_credit_is_kept_and_is_not_correct(scorer: Scorer) -> None:
    """graph_color gives 0.01 for JSON that is no coloring."""
    sample = make_task("graph_color", count=1).samples[0]
    score = scorer("<answer>{}</answer>", sample)
    assert (score.value, score.outcome, score.answer) == (0.01, "wrong", "{}")
    assert score.isolation in {"bubblewrap", "unshare"}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("<answer>1</answer>", "1"),
        ("<answer>1</answer> no: <answer>\n2 \n</answer>.", "2"),
        ("<answer>a <answer>b</answer>", "a <answer>b"),
        ("<answer>1</answer> <answer>2", "1"),
        ("It is 7.", None),
        ("<answer></answer>", ""),
    ],
)
def test_the_last_answer_tags_count(reply: str, answer: str | None) -> None:
    """As in extract_answer of the package's utils."""
    assert find_tagged_answer(reply) == answer


def test_a_reply_without_tags_is_unparsed(scorer: Scorer) -> None:
    sample = make_task("gcd", count=1).samples[0]
    assert scorer(f"It is {sample.target}.", sample).outcome == "unparsed"


# Each would be right if it ran: it makes the text equal to the answer, or the scorer's result 1.
FORGED = (
    "__import__('sys')._getframe(1).f_locals['entry']['answer']",
    "[g for g in (lambda: 0).__globals__['__builtins__']]",
    "[].__class__.__base__.__subclasses__()",
    "open('/etc/passwd').read()",
    "exec('import os; os._exit(0)')",
    "type('x', (), {'__eq__': lambda a, b: True})()",
)


@pytest.mark.parametrize(
    "generator",
    [
        "binary_matrix", "n_queens", "spiral_matrix", "string_insertion", "countdown", "puzzle24", "simple_integration",
        "intermediate_integration", "polynomial_multiplication", "number_sorting",
    ],
)  # fmt: skip
@pytest.mark.parametrize("answer", FORGED)
def test_text_that_is_more_than_a_formula_does_not_run(scorer: Scorer, generator: str, answer: str) -> None:
    """Scored as text that is no Python: nothing, or what the package gives for any text."""
    sample = make_task(generator, count=1).samples[0]
    given = scorer(write_answer(answer), sample)
    assert given.value == scorer(write_answer("no ( python"), sample).value
    assert given.value is not None
    assert given.value <= 0.05
    assert scorer(sample.reference or "", sample).value == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "eval(chr(49))", "lambdify(x, x)", "sympify(x)", "x.__class__", "[x for x in (1,)]", "Symbol", "f(x)(y)",
        "Symbol('x').__class__", "input()",
    ],
)  # fmt: skip
def test_names_that_are_not_mathematics_are_no_formula(scorer: Scorer, answer: str) -> None:
    sample = make_task("simple_integration", count=1).samples[0]
    assert scorer(write_answer(answer), sample).value == 0.0


def test_a_right_answer_that_sympy_leaves_as_an_integral_scores_1(scorer: Scorer) -> None:
    """The package gives such answers itself, and its scorer differentiates them."""
    samples = make_task("intermediate_integration", count=11).samples
    sample = next(sample for sample in samples if "Integral(" in str(sample.target))
    assert scorer(sample.reference or "", sample).value == 1.0


def test_an_answer_that_takes_for_ever_scores_0_and_the_next_is_scored(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tower of powers: its process is ended after a second of CPU time."""
    monkeypatch.setattr("gapbench.suite.reasoning_gym.package.SCORING_CPU_S", 1)
    sample = make_task("puzzle24", count=1).samples[0]
    score = scorer(write_answer("9**9**9**9**9 + 7**7**7**9"), sample)
    assert score.value in {0.0, 0.01}
    assert scorer(sample.reference or "", sample).value == 1.0


def test_a_sample_of_another_task_is_unscored(scorer: Scorer) -> None:
    assert scorer("<answer>1</answer>", Sample("a", (), target="1")).outcome == "unscored"
