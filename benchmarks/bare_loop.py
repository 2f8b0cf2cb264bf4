"""What a team writes first: an asyncio loop over the official SDK that streams, scores and keeps rows as JSON lines.

``benchmarks/peers.py`` runs it beside gapbench. Usage: ``bare_loop.py BASE_URL SAMPLES OUT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import openai

CONCURRENCY = 64


async def main(base_url: str, samples: int, out: Path) -> None:
    """Ask every sample once, at most 64 at a time, and write one line each."""
    limits = asyncio.Semaphore(CONCURRENCY)
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        with out.open("w") as file:

            async def ask(number: int) -> None:
                async with limits:
                    sent_s = time.perf_counter()
                    first_token_s, texts, usage = None, [], None
                    stream = await client.chat.completions.create(
                        model="truth",
                        messages=[{"role": "user", "content": f"gapbench-id:{number} Say a word."}],
                        max_tokens=64,
                        stream=True,
                        stream_options={"include_usage": True},
                    )
                    async for chunk in stream:
                        usage = chunk.usage or usage
                        for choice in chunk.choices:
                            if choice.delta.content:
                                if first_token_s is None:
                                    first_token_s = time.perf_counter() - sent_s
                                texts.append(choice.delta.content)
                    row = {
                        "id": number,
                        "reply": "".join(texts),
                        "is_correct": "word" in "".join(texts),
                        "first_token_s": first_token_s,
                        "response_s": time.perf_counter() - sent_s,
                        "usage": usage and usage.model_dump(),
                    }
                    file.write(json.dumps(row) + "\n")

            await asyncio.gather(*(ask(number) for number in range(samples)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
