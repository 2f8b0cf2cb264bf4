"""The shape of a recorded prompt: what a cache could read, tools, loops and retries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gapbench.analysis.traffic import audit_traffic, figures, read_requests
from gapbench.analysis.traffic.text_shapes import read_shape
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.recording.text_shape import describe_texts
from tests.traffic_tables import logged, write_table


def shaped(
    at_s: float, text: str, hasher: IdentityHasher, roles: tuple[str, ...] = ("user",), **changes: Any
) -> Any:
    """Return a row of a recording without texts, and the prompt that its hashes are of."""
    messages = [{"role": role, "content": text} for role in roles]
    shape = describe_texts({"messages": messages, "tools": changes.pop("tools", None)}, hasher)
    return logged(at_s, model_asked="gpt-5.2", model_served="gpt-5.2", provider="openai", image_count=0,
                  text_shape=json.dumps(shape), **{"input_tokens": 4000, **changes})  # fmt: skip


def test_shapes_tell_what_a_cache_could_read(tmp_path: Path) -> None:
    """20 prompts of three starts: as far as earlier prompts are the same, in blocks of 512 characters, part blocks whole."""
    draw = np.random.default_rng(11)
    hasher = IdentityHasher()
    starts = [chr(97 + number) * 3000 for number in range(3)]
    texts = [
        f"{starts[draw.integers(3)][: int(draw.integers(600, 3000))]}|{'z' * int(draw.integers(1000))}"
        for _ in range(20)
    ]
    write_table(
        tmp_path / "t.parquet", [shaped(60.0 * place, text, hasher) for place, text in enumerate(texts)]
    )
    frame = read_requests([tmp_path / "t.parquet"])
    prompts = [f"\nuser\n{text}" for text in texts]
    expected = []
    for place, prompt in enumerate(prompts):
        shared = 0
        for other in prompts[:place]:
            pairs = enumerate(zip(prompt, other, strict=False))
            same = next((at for at, (one, two) in pairs if one != two), min(len(prompt), len(other)))
            shared = max(shared, same // 512)
        # A prompt's last hash is of its last whole 64 characters; it may be shared too.
        ends = range(512, len(prompt) // 64 * 64 + 1, 512)
        last = len(prompt) // 64 * 64
        if last % 512 and any(
            other[:last] == prompt[:last] and len(other) // 64 * 64 == last for other in prompts[:place]
        ):
            shared = len(ends) + 1
        chars = (shared + 1) * 512 if shared else 0
        tokens = int(4000 * min(1.0, chars / len(prompt)))
        expected.append(tokens if tokens >= 512 else 0)
    audit = audit_traffic(frame)

    from gapbench.analysis.traffic.prefixes import shared_tokens

    assert expected == [int(one) for one in shared_tokens(frame, frame["model_served"])]
    assert sum(expected) / (20 * 4000) == pytest.approx(audit.total["cacheable_share"])
    assert audit.total["usd_cache_saving"] > 0
    assert audit.total["near_duplicate_share"] is None


def test_shapes_tell_tools_loops_and_retries(tmp_path: Path) -> None:
    """A request with tools, one with a tool's result, and one that repeats a failed one's prompt."""
    hasher = IdentityHasher()
    rows = [
        shaped(0, "a" * 900, hasher, tools=[{"name": "f"}]),
        shaped(1, "b" * 900, hasher, roles=("user", "tool")),
        shaped(2, "c" * 900, hasher, error="busy"),
        shaped(3, "c" * 900, hasher),
    ]
    write_table(tmp_path / "t.parquet", rows)
    frame = read_requests([tmp_path / "t.parquet"])

    assert [0.25] * 3 == [
        figures.tool_share(frame),
        figures.tool_loop_share(frame),
        figures.retry_share(frame),
    ]


@pytest.mark.parametrize(
    "text",
    [
        None, "", "null", "[]", "{", "17", '{"prompt_chars": -1, "messages": [], "blocks": []}',
        '{"prompt_chars": 9, "messages": 3, "blocks": []}', '{"prompt_chars": true, "messages": [], "blocks": []}',
        '{"reply_chars": 9}',
    ],
)  # fmt: skip
def test_what_is_no_shape_of_a_prompt_is_none(text: Any) -> None:
    """It comes from a file."""
    assert read_shape(text) is None


@pytest.mark.parametrize("blocks", [["zz"], [17], ["0" * 100], [None], [{"a": 1}]])
def test_hashes_that_are_none_leave_the_rest_of_the_shape(blocks: list[Any]) -> None:
    """Lengths and roles still count; a long hash is cut to 64 bits."""
    text = json.dumps({
        "prompt_chars": 600, "tools_chars": 0, "messages": [{"role": "user", "chars": 590}], "block_chars": 512, "blocks": blocks,
    })  # fmt: skip
    shape = read_shape(text)

    assert shape is not None
    assert 600 == shape.prompt_chars
    assert len(shape.prefix_hashes) <= 1


def test_a_table_from_before_there_were_shapes_is_read(tmp_path: Path) -> None:
    """The column is missing."""
    import pyarrow.parquet as pq

    path = write_table(tmp_path / "t.parquet", [logged(0.0, messages=[{"role": "user", "content": "?"}])])
    table = pq.read_table(path).drop_columns(["text_shape"])
    pq.write_table(table, path)

    assert 1 == len(read_requests([path]))
