"""Prompts that are made up for a log without text share exactly what the logged ones shared."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.suite.prompt_size import count_prompt_chars, count_tool_chars
from gapbench.suite.replay import Replay
from gapbench.suite.replay.traffic_sample import TrafficSample
from gapbench.suite.replay.word_streams import WORDS, WordStreams
from tests.traffic_tables import logged, replay_of

TEMPLATE = 8
"""Tokens of the chat template that a replay reckons with by default; a prompt of n tokens has n - 8 words."""


def words_of(replay: Replay) -> list[list[str]]:
    return [sample.messages[0].text.split(" ") for sample in replay.task.samples]


def shared(first: list[str], second: list[str]) -> int:
    return sum(
        1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    )


def common_blocks(first: list[str], second: list[str]) -> int:
    return shared(first, second)


@st.composite
def block_logs(draw: st.DrawFn) -> tuple[int, list[tuple[int, list[str]]]]:
    """Prompts as paths in a tree of blocks: equal leading hashes are equal prefixes, as a log's cumulative hashes are."""
    size = draw(st.sampled_from([16, 32, 64]))
    log = []
    for _ in range(draw(st.integers(2, 8))):
        path = draw(st.lists(st.sampled_from("ab"), max_size=5))
        hashes = ["".join(path[: depth + 1]) for depth in range(len(path))]
        log.append((len(path) * size + draw(st.integers(1, size - 1)), hashes))
    return size, log


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block_logs())
def test_equal_hashes_are_the_same_number_of_equal_blocks(
    tmp_path: Path, case: tuple[int, list[tuple[int, list[str]]]]
) -> None:
    """Oracle: of two prompts, the cache sees as many common blocks as their lists of hashes have in common at the start."""
    size, log = case
    rows = [
        logged(at, input_tokens=max(tokens, TEMPLATE + 1), prefix_blocks=hashes, prefix_block_tokens=size)
        for at, (tokens, hashes) in enumerate(log)
    ]
    prompts = words_of(replay_of(tmp_path, rows))

    for (one, first), (other, second) in itertools.combinations(zip(prompts, log, strict=True), 2):
        assert common_blocks(first[1], second[1]) == (shared(one, other) + TEMPLATE) // size


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(TEMPLATE + 1, 900), min_size=1, max_size=12))
def test_a_made_up_prompt_is_as_long_as_the_logged_one(tmp_path: Path, lengths: list[int]) -> None:
    """One word a token, less the template's."""
    prompts = words_of(replay_of(tmp_path, [logged(at, input_tokens=n) for at, n in enumerate(lengths)]))

    assert [n - TEMPLATE for n in lengths] == [len(words) for words in prompts]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(60, 600), st.integers(0, 600)), min_size=2, max_size=8))
def test_a_session_shares_what_its_cache_answered_or_all_of_a_longer_prompt(
    tmp_path: Path, turns: list[tuple[int, int]]
) -> None:
    """Oracle: min(before, now, cached) tokens where some were cached; all of the one before where the prompt grew."""
    rows = [
        logged(
            at, session_hash="s", input_tokens=tokens, cached_input_tokens=min(cached, tokens) if at else 0
        )
        for at, (tokens, cached) in enumerate(turns)
    ]
    prompts = words_of(replay_of(tmp_path, rows))

    for at in range(1, len(turns)):
        before, (now, cached) = turns[at - 1][0], turns[at]
        cached = min(cached, now)
        expected = min(before, now, cached) if cached else before if now >= before else 0
        # A prompt's own new words start differently, but may agree by chance in a word or two.
        assert 0 <= shared(prompts[at - 1], prompts[at]) - max(0, expected - TEMPLATE) <= 3


def test_first_requests_of_a_route_share_what_its_cache_answered(tmp_path: Path) -> None:
    """64 and 32 cached tokens: 24 words. The one that found the cache cold has the median, 48: 40 words of the route."""
    cached = [0, 64, 32]
    rows = [logged(at, cached_input_tokens=tokens) for at, tokens in enumerate(cached)]
    cold, warm, short = words_of(replay_of(tmp_path, rows))

    assert 40 == shared(cold, warm)
    assert 24 == shared(warm, short)


def test_routes_share_nothing(tmp_path: Path) -> None:
    """Each has a text of its own."""
    rows = [logged(at, route=route, cached_input_tokens=64) for at, route in enumerate(["faq", "chat"])]
    one, other = words_of(replay_of(tmp_path, rows))

    assert 3 > shared(one, other)


def test_a_letter_a_token_is_as_exact_as_a_word_a_token(tmp_path: Path) -> None:
    """A fifth of a word a token: 5 letters a word with its space. 408 tokens are 80 words, 399 letters and a token's end."""
    rows = [logged(0, input_tokens=408)]
    prompt = words_of(replay_of(tmp_path, rows, words_per_token=0.2))[0]

    assert 80 == len(prompt)
    assert 399 == len(" ".join(prompt))


def test_the_same_seed_makes_the_same_prompts(tmp_path: Path) -> None:
    """And another seed others."""
    rows = [logged(0), logged(1)]

    assert words_of(replay_of(tmp_path, rows, seed=1)) == words_of(replay_of(tmp_path, rows, seed=1))
    assert words_of(replay_of(tmp_path, rows, seed=1)) != words_of(replay_of(tmp_path, rows, seed=2))


def test_a_part_of_the_day_has_the_prompts_of_the_whole(tmp_path: Path) -> None:
    """So two replays of one table share what they have in common."""
    rows: list[dict[str, Any]] = [logged(0), logged(3_600)]
    whole = words_of(replay_of(tmp_path, rows))
    part = words_of(replay_of(tmp_path, rows, period="2026-01-05T10:00/1h"))

    assert whole[1:] == part


@pytest.mark.parametrize("count", [1, 12, 13, 40_000])
def test_a_stream_goes_on_as_long_as_it_is_asked(count: int) -> None:
    """Longer than the pool too; a longer piece starts with the shorter one."""
    streams = WordStreams(1)
    words = streams.text("x", count).split(" ")

    assert count == len(words)
    assert set(words) <= set(WORDS)
    assert streams.text("x", count + 5).startswith(" ".join(words))


def test_words_are_four_letters_each() -> None:
    """The docstring's promise to tokenizers of letters."""
    assert {4} == {len(word) for word in WORDS}
    assert 32 == len(set(WORDS))


def test_a_recording_without_texts_shares_its_blocks(tmp_path: Path) -> None:
    """Blocks of 64 characters at 4 a token are 16 tokens: three in common are 48, less the template's 8 are 40 words."""
    chains = [["a", "ab", "abc", "abcd"], ["a", "ab", "abc", "abcx"]]
    rows = [
        logged(at, text_shape=json.dumps({"prompt_chars": 400, "block_chars": 64, "blocks": chain}))
        for at, chain in enumerate(chains)
    ]
    one, other = words_of(replay_of(tmp_path, rows))

    assert 40 == shared(one, other)


def test_the_size_of_a_prompt_is_known_without_its_text(tmp_path: Path) -> None:
    """Made up from nothing, from its session and from blocks, and logged with a tool: as many characters as it has."""
    tool = {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
    }
    rows = [
        logged(0.0, input_tokens=3),
        logged(1.0, input_tokens=1_000, session_hash="s"),
        logged(2.0, input_tokens=1_500, session_hash="s"),
        logged(3.0, input_tokens=70, prefix_blocks=["a", "b"], prefix_block_tokens=32),
        logged(4.0, messages=[{"role": "user", "content": "Grüße"}], tools=json.dumps([tool])),
    ]
    found: list[tuple[int, int]] = []
    for replay in (replay_of(tmp_path, rows), replay_of(tmp_path, rows, words_per_token=0.37)):
        for sample in replay.task.samples:
            assert isinstance(sample, TrafficSample)
            assert sample.chars == (count_prompt_chars(sample.messages), count_tool_chars(sample.tools))
            found.append(sample.chars)
    assert (5, True) == (found[-1][0], found[-1][1] > 0)
