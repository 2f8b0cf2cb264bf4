"""A runner without a network: it repeats one word of the prompt."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from gapbench.errors import InputError
from gapbench.runner import Runner, RunnerInfo, RunnerOption
from gapbench.values import Call, Chunk, Model, Request, Usage


class EchoRunner(Runner):
    """Answers with the word at position ``word`` of the last message."""

    info = RunnerInfo(
        weights="closed",
        packages=("bench-echo",),
        options={"word": RunnerOption(int, "which word to repeat, from 0; default: 2")},
    )
    metered = False  # calls cost nothing, so a run does not ask for confirmation

    def __init__(self, model: Model) -> None:
        """Read the settings."""
        super().__init__(model)
        self.word = model.options.get("word", 2)
        if self.word < 0:
            raise InputError(f"word: found {self.word}; expected 0 or more")

    def prepare(self, request: Request) -> Call:
        """Return the request's body, and which parameters it contains."""
        settings = {"max_tokens": request.params.max_tokens}
        dropped = () if request.params.seed is None else ("seed dropped: an echo has none",)
        return Call({"text": request.messages[-1].text, **settings}, settings, dropped)

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Yield the answer, then why it ended and how many tokens it took."""
        words = call.body["text"].split()
        yield Chunk(f"Answer: {words[self.word]}")
        yield Chunk(finish_reason="stop", usage=Usage(input_tokens=len(words), output_tokens=2))

    async def facts(self) -> Mapping[str, Any]:
        """Return what `run.json` records of this runner."""
        return {"echo": 1}
