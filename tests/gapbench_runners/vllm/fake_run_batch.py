"""A stand-in for `vllm run-batch`: answers a file at once, or as FAKE_VLLM says; `run_batch.python` names it.

Like vLLM 0.32 it reads all of the file first, ends without a reply if one line is no request, and writes at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def answer(line: dict[str, Any]) -> dict[str, Any]:
    """Return a reply with the prompt's own words, or vLLM's form of an error."""
    text = line["body"]["messages"][-1]["content"]
    response: dict[str, Any] = {"status_code": 200, "request_id": "r", "body": None}
    row = {"id": "vllm-1", "custom_id": line["custom_id"], "response": response, "error": None}
    if "refuse" in text:
        response["status_code"] = 400
        return {**row, "error": {"error": {"message": "too long", "type": "BadRequestError", "code": 400}}}
    message = {"role": "assistant", "content": f"said {text}"}
    response["body"] = {
        "id": "chatcmpl-1",
        "model": line["body"]["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    return row


def main() -> None:
    """Answer the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="module")
    parser.add_argument("-i", dest="requests", type=Path, required=True)
    parser.add_argument("-o", dest="replies", type=Path, required=True)
    options, _ = parser.parse_known_args()
    mode = os.environ.get("FAKE_VLLM", "")
    sys.stderr.write(f"has a key: {'OPENAI_API_KEY' in os.environ}\n")
    if mode == "wait":
        signal.pause()
    elif mode:
        # A pipe: its other end is opened by the test.
        Path(mode).read_text()
    lines = [json.loads(line) for line in options.requests.read_text().splitlines()]
    if any("malformed" in line["body"]["messages"][-1]["content"] for line in lines):
        sys.exit("Traceback (most recent call last):\npydantic.ValidationError: 1 validation error")
    options.replies.write_text("".join(json.dumps(answer(line)) + "\n" for line in lines))


if __name__ == "__main__":
    main()
