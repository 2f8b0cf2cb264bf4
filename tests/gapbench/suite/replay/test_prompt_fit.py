"""The length of made-up prompts is measured by the tokenizer of the model that is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.suite.loads.schema import ReplayDocument
from gapbench.suite.replay.prompt_fit import PromptFit, measure_fit, measure_fit_at
from gapbench.suite.replay.word_streams import WORDS, WordStreams
from tests.local_server import serve
from tests.traffic_tables import logged, replay_of

STREAMS = WordStreams(7)
LONG = frozenset(WORDS[::4])


def count(text: str) -> int:
    """A tokenizer of its own: a quarter of the words are two tokens, and the template adds 41."""
    return 41 + sum(2 if word in LONG else 1 for word in text.split())


def test_a_prompt_has_the_length_of_the_log() -> None:
    """Within 3 % from 200 tokens to 20,000; one word a token would be 25 % too long."""
    fit = measure_fit(count, STREAMS)

    for tokens in (200, 1_000, 20_000):
        sent = count(STREAMS.text("row:1", fit.words(tokens)))
        assert sent == pytest.approx(tokens, rel=0.03)
    assert count(STREAMS.text("row:1", PromptFit().words(20_000))) > 20_000 * 1.2


def test_the_fit_is_that_of_the_tokenizer() -> None:
    """A letter and a space are a token each: five tokens a word less the last space, and 9 for the template."""
    assert PromptFit(0.2, 8) == measure_fit(lambda text: 9 + len(text), STREAMS)  # 8 + 5 w


def test_counts_that_do_not_grow_are_refused() -> None:
    """A server that cuts prompts, or counts nothing."""
    with pytest.raises(ValueError, match="1,000 words are 10 tokens, and twice as many 10"):
        measure_fit(lambda _: 10, STREAMS)


def tokenize(method: str, path: str, body: Any) -> tuple[int, Any]:
    assert ("POST", "/tokenize", True) == (method, path, body["add_generation_prompt"])
    (message,) = body["messages"]
    return 200, {"count": count(message["content"]), "tokens": []}


def test_a_replay_asks_the_server(tmp_path: Path) -> None:
    """1,000 tokens in the log are 1,000 there, within 3 %; the plan says what was measured."""
    with serve(tokenize) as server:
        replay = replay_of(tmp_path, [logged(0.0, input_tokens=1_000)], tokenizer=f"{server.url}/v1")
    (sample,) = replay.task.samples

    assert count(sample.messages[0].text) == pytest.approx(1_000, rel=0.03)
    assert 1_000 == sample.logged_input_tokens
    assert any(note.endswith("41 tokens for the chat template") for note in replay.notes)


def test_the_task_is_that_of_the_fit_and_not_of_the_address(tmp_path: Path) -> None:
    """A server on another port gives the same task; another tokenizer another one."""
    rows = [logged(0.0, input_tokens=1_000)]
    with serve(tokenize) as one, serve(tokenize) as other:
        hashes = [replay_of(tmp_path, rows, tokenizer=server.url).task.sha256 for server in (one, other)]

    assert hashes[0] == hashes[1] != replay_of(tmp_path, rows).task.sha256


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}), "HTTP 404"),
        ((200, []), "its answer has no count"),
        ((200, {"count": "7"}), "its answer has no count"),
        ((200, {"count": "7" * 2**22}), "its answer is not JSON"),  # cut at 4 MiB
        ((200, {"count": 7}), "1,000 words are 7 tokens"),
    ],
)
def test_a_server_that_cannot_count_is_refused(answer: tuple[int, Any], said: str) -> None:
    """With what it answered, and what to give instead."""
    with serve(lambda *_: answer) as server, pytest.raises(InputError, match=said) as raised:
        measure_fit_at(server.url, STREAMS)
    assert "words_per_token" in str(raised.value)


def test_a_server_that_is_not_there_is_refused() -> None:
    """Port 1 of this machine."""
    with pytest.raises(InputError, match="Connection refused; start the server"):
        measure_fit_at("http://127.0.0.1:1", STREAMS)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tokenizer": "qwen"}, "expected an address"),
        ({"tokenizer": "http://u:p@h"}, "must not hold a user or password"),
        ({"tokenizer": "http://h", "words_per_token": 1.0}, "give either tokenizer"),
    ],
)
def test_a_wrong_setting_is_refused(more: dict[str, Any], said: str) -> None:
    """A name, a password, and two sources of one number."""
    with pytest.raises(ValueError, match=said):
        ReplayDocument(traffic="t.parquet", **more)
