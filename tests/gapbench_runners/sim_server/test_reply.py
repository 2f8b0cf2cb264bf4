"""What a persona says: budgets, counts and repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gapbench.values import add_salt
from gapbench_runners.sim_server.sim_model import REFUSAL, UNKNOWN_PROMPT_ANSWER, UNPARSABLE_ANSWER
from tests.gapbench_runners.simulated import DECOY, QUESTION, REFERENCE, asked, mind, truth, user


def test_the_right_answer_is_the_reference_in_pieces_of_four() -> None:
    """17 characters are five tokens."""
    reply = mind().reply_to(asked())

    assert reply.answer == ("The ", "answ", "er i", "s 42", ".")
    assert (reply.finish, reply.output_tokens, reply.is_answer_intact) == ("stop", 5, True)


def test_the_wrong_answer_is_the_decoy() -> None:
    """No skill: always the decoy."""
    reply = mind(skill=0).reply_to(asked())

    assert ("".join(reply.answer), reply.is_right, reply.is_answer_intact) == (DECOY, False, False)


def test_a_prompt_that_is_not_in_the_book_gets_a_plain_answer() -> None:
    """Known is told apart from wrong."""
    reply = mind().reply_to(asked("Who are you?"))

    assert ("".join(reply.answer), reply.is_known, reply.is_right) == (UNKNOWN_PROMPT_ANSWER, False, False)


def test_an_answer_longer_than_its_budget_is_cut() -> None:
    """Three of five tokens, finish length, and not counted as sent."""
    reply = mind().reply_to(asked(max_tokens=3))

    assert reply.answer == ("The ", "answ", "er i")
    assert (reply.finish, reply.output_tokens, reply.is_right, reply.is_answer_intact) == (
        "length",
        3,
        True,
        False,
    )


def test_reasoning_is_part_of_the_budget() -> None:
    """6 tokens of thought leave 2 of 8 for the answer; a budget of 4 leaves none."""
    thinker = mind(reasoning={"tokens": 6})
    some, none = thinker.reply_to(asked(max_tokens=8)), thinker.reply_to(asked(max_tokens=4))

    assert (some.reasoning_tokens, some.output_tokens, some.answer) == (6, 8, ("The ", "answ"))
    assert (none.reasoning_tokens, none.output_tokens, none.answer, none.finish) == (4, 4, (), "length")


@pytest.mark.parametrize(
    ("shown", "chunks", "hidden"), [("verbatim", 40, 0), ("summary", 10, 30), ("hidden", 0, 40)]
)
def test_what_is_not_shown_is_still_counted(shown: str, chunks: int, hidden: int) -> None:
    """40 tokens of thought and 5 of answer are 45 whatever is seen of them."""
    reply = mind(reasoning={"tokens": 40, "shown": shown}).reply_to(asked())

    assert (len(reply.reasoning), reply.hidden_tokens, reply.output_tokens) == (chunks, hidden, 45)


def test_tokens_are_bundled_into_chunks() -> None:
    """Five tokens by two are three chunks."""
    reply = mind(tokens_per_chunk=2).reply_to(asked())

    assert (reply.answer, reply.output_tokens) == (("The answ", "er is 42", "."), 5)


def test_a_prompt_asked_again_comes_from_the_cache_in_whole_blocks() -> None:
    """400 characters are 100 tokens and 4 of frame; 96 of 104 stand in whole blocks of 16."""
    text = "x" * 400
    cached = mind(truth(text), cache=True)

    assert [cached.reply_to(asked(text)).cached_tokens for _ in range(3)] == [0, 96, 96]
    assert mind(truth(text)).reply_to(asked(text)).input_tokens == 104


def test_a_retry_after_a_fault_is_the_same_question_again() -> None:
    """The tries that failed take no draw of the answer: the first that is answered draws as the first would."""
    book = [truth(f"q{number}") for number in range(200)]
    calm = mind(*book, skill=0.5)
    shaky = mind(*book, skill=0.5, faults={"rate_limit": 0.5})

    for number in range(200):
        tries = iter(lambda number=number: shaky.reply_to(asked(f"q{number}")), None)  # type: ignore[misc]
        answered = next(reply for reply in tries if reply.fault is None)
        assert answered.is_right == calm.reply_to(asked(f"q{number}")).is_right


def test_an_answer_never_sent_is_drawn_again() -> None:
    """A client that left, or a full queue, does not shift later draws."""
    book = [truth(f"q{number}") for number in range(100)]
    calm, taken_back = mind(*book, skill=0.5), mind(*book, skill=0.5)
    for number in range(100):
        taken_back.undo_request(taken_back.reply_to(asked(f"q{number}")))

    assert [calm.reply_to(asked(f"q{n}")) for n in range(100)] == [
        taken_back.reply_to(asked(f"q{n}")) for n in range(100)
    ]


def test_order_of_arrival_changes_nothing() -> None:
    """The same prompts backwards get the same replies."""
    prompts = [f"q{number}" for number in range(100)]
    settings = {"skill": 0.5, "faults": {"cut": 0.3}, "refuse": 0.2}
    one, two = (mind(*map(truth, prompts), **settings) for _ in range(2))

    forth = {prompt: one.reply_to(asked(prompt)) for prompt in prompts}
    back = {prompt: two.reply_to(asked(prompt)) for prompt in reversed(prompts)}

    assert forth == back


def test_refusals_and_answers_beside_the_form_have_their_words() -> None:
    """A refusal says so in its finish; an unparsed answer ends like any other."""
    refused, beside = mind(refuse=1).reply_to(asked()), mind(unparsed=1).reply_to(asked(QUESTION))

    assert ("".join(refused.answer), refused.finish) == (REFUSAL, "refusal")
    assert ("".join(beside.answer), beside.finish) == (UNPARSABLE_ANSWER, "stop")
    assert REFERENCE not in {"".join(refused.answer), "".join(beside.answer)}


def test_salt_is_no_part_of_the_question() -> None:
    """A salted prompt has the answer of the prompt itself, and the log names it by the same hash."""
    own = mind()
    plain, salty = (
        own.reply_to(asked()),
        own.reply_to(replace(asked(), messages=add_salt(user(QUESTION), "0a1b2c3d"))),
    )

    assert salty.is_known
    assert plain.prompt_sha256 == salty.prompt_sha256
    assert "".join(plain.answer) == "".join(salty.answer)


def test_salt_keeps_a_prompt_out_of_the_cache() -> None:
    """The same words twice are cached the second time; with another salt they are not."""
    own, text = mind(cache=True), "What? " * 40
    first, second = own.reply_to(asked(text)), own.reply_to(asked(text))
    other = own.reply_to(replace(asked(text), messages=add_salt(user(text), "0a1b2c3d")))

    assert (0, 0) == (first.cached_tokens, other.cached_tokens)
    assert second.cached_tokens > 0
