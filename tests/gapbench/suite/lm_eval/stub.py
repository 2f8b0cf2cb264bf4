"""A loopback server with fixed answers, spoken to by `bench run` and by lm-eval's own clients alike."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BROKEN = "an answer that never comes"
"""A reply in whose place the server fails."""


def tokens_of(text: str) -> list[str]:
    """Return a text's tokens: words with the space before them, and punctuation."""
    return re.findall(r"\s*\w+|\s*[^\w\s]|\s+", text)


def weight(before: tuple[int, ...], token: int) -> float:
    """Return a fixed log-probability of a token after others."""
    digest = hashlib.sha256(repr((before, token)).encode()).digest()
    return -int.from_bytes(digest[:4], "big") / 2**32 * 9.7


class Stub(ThreadingHTTPServer):
    """The server; ``replies`` maps a piece of the last user message to the answers to its first, second … ask."""

    daemon_threads = True

    def __init__(self, replies: dict[str, list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = replies
        self.asked: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.vocabulary: dict[str, int] = {"<s>": 0}
        self.lacks: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def forget(self) -> None:
        """Begin anew: the next ask of each question is its first."""
        self.asked.clear()
        self.times.clear()

    def answer(self, messages: list[dict[str, Any]]) -> str:
        last = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        found = max((key for key in self.replies if key in last), key=last.rindex)
        nth, self.times[found] = self.times[found], self.times[found] + 1
        answers = self.replies[found]
        return answers[nth % len(answers)]

    def encode(self, text: str) -> list[int]:
        pieces = [text] if text == "<s>" else tokens_of(text)
        return [self.vocabulary.setdefault(piece, len(self.vocabulary)) for piece in pieces]

    def decode(self, tokens: list[int]) -> str:
        named = {number: piece for piece, number in self.vocabulary.items()}
        return "".join(named[token] for token in tokens)


class Handler(BaseHTTPRequestHandler):
    """Chat, completions with echo, and a tokenizer."""

    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        if self.path == "/tokenizer_info" and self.path not in self.server.lacks:
            self._json({"bos_token": "<s>", "eos_token": "<s>", "chat_template": ""})
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path in self.server.lacks:
            self.send_error(404)
        elif self.path == "/tokenize":
            self._json({"tokens": self.server.encode(body["prompt"])})
        elif self.path == "/detokenize":
            self._json({"prompt": self.server.decode(body["tokens"])})
        elif self.path == "/v1/chat/completions":
            self.server.asked.append(body)
            self._chat(body)
        elif self.path == "/v1/completions":
            self.server.asked.append(body)
            self._completion(body)
        else:
            self.send_error(404)

    def _chat(self, body: dict[str, Any]) -> None:
        text = self.server.answer(body["messages"])
        if text == BROKEN:
            self.send_error(500)
            return
        usage = {"prompt_tokens": 7, "completion_tokens": len(tokens_of(text))}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._json({"id": "1", "model": "stub", "choices": [choice], "usage": usage})
            return
        said = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
        self._events([{"model": "stub", "choices": [said]}, {"model": "stub", "choices": [], "usage": usage}])

    def _completion(self, body: dict[str, Any]) -> None:
        prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
        choices = [self._weighed(index, tuple(prompt)) for index, prompt in enumerate(prompts)]
        usage = {"prompt_tokens": sum(map(len, prompts)), "completion_tokens": 1}
        if not body.get("stream"):
            self._json({"id": "1", "model": "stub", "choices": choices, "usage": usage})
            return
        self._events(
            [{"model": "stub", "choices": choices}, {"model": "stub", "choices": [], "usage": usage}]
        )

    @staticmethod
    def _weighed(index: int, prompt: tuple[int, ...]) -> dict[str, Any]:
        whole = (*prompt, 0)  # one token is generated
        logprobs = [None, *(weight(whole[:at], whole[at]) for at in range(1, len(whole)))]
        # Every third token is the likeliest at its place.
        tops = [
            None if own is None else {"own": own} if whole[at] % 3 == 0 else {"own": own, "other": own / 2}
            for at, own in enumerate(logprobs)
        ]
        found = {"token_logprobs": logprobs, "top_logprobs": tops, "tokens": [str(token) for token in whole]}
        return {"index": index, "text": "", "logprobs": found, "finish_reason": "length"}

    def _json(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, values: list[dict[str, Any]]) -> None:
        data = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
        data += b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
