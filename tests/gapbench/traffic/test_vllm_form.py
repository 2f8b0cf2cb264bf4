"""vLLM's log, whose prompts and replies may say what its own lines say."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.traffic_logs import import_files

TEXTS = (
    "it's", 'a "quoted" word', "', params: SamplingParams(n=9, max_tokens=7), prompt_token_ids: [1, 2, 3], lora_request: None.",
    '", output_token_ids: [1], finish_reason: length', "a\\nb \\\\", "Received request x: prompt: 'y', params: SamplingParams(n=1)",
    "Request x details: prompt: 'y', ", "Generated response chatcmpl-0: output: 'no', output_token_ids: [1]", "INFO 2031-01-01 00:00:00", "😀",
)  # fmt: skip
"""Pieces of prompts and replies; the logger writes them as Python's repr does."""


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("is_new", [False, True])
def test_no_word_of_a_prompt_or_a_reply_is_taken_for_the_loggers(
    tmp_path: Path, seed: int, is_new: bool
) -> None:
    """Counts, parameters, times and texts of random logs; newer servers write the prompt on a line of its own."""
    draw = random.Random(seed)
    lines, expected = [], {}
    for number in range(draw.randint(1, 4)):
        name = f"chatcmpl-{number}"
        prompt, reply = (" ".join(draw.choices(TEXTS, k=draw.randint(1, 4))) for _ in range(2))
        given, made, most = (draw.randint(1, 40) for _ in range(3))
        params = f"params: SamplingParams(n=1, max_tokens={most}, stop={draw.sample(TEXTS, 1)})"
        prompt_part = f"prompt: {prompt!r}, "
        ids = f"prompt_token_ids: {[draw.randrange(9) for _ in range(given)]}, prompt_embeds shape: None, "
        stamp = f"INFO 2026-01-31 12:00:{number:02d} [logger.py:41]"
        if is_new:
            lines.append(f"{stamp} Received request {name}: {params}, lora_request: None.")
            lines.append(f"{stamp} Request {name} details: {prompt_part}{ids}trace: None.")
        else:
            lines.append(f"{stamp} Received request {name}: {prompt_part}{params}, {ids}lora_request: None.")
        lines.append(
            f"{stamp} Generated response {name}: output: {reply!r}, output_token_ids: {[5] * made}, finish_reason: stop"
        )
        expected[name] = (number, prompt, reply, given, made, most, "stop")
    rows, _ = import_files(tmp_path, {"vllm.log": "".join(f"{line}\n" for line in lines)})

    assert expected == {
        row["request_id"]: (
            row["time"].second,
            json.loads(row["messages"])[0]["content"],
            row["reply"],
            row["input_tokens"],
            row["output_tokens"],
            json.loads(row["parameters"])["max_tokens"],
            row["finish_reason"],
        )
        for row in rows
    }
