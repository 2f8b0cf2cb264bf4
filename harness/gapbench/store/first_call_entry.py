"""The entry of ``run.json`` about the small call that each model gets before a run."""

from __future__ import annotations

from gapbench.store.manifest_types import Entry, Number


class FirstCallEntry(Entry):
    """The first call to a model, which is no attempt at a request and has no row.

    Attributes:
        model_id: The model.
        usd: What the call cost in US dollars. None: unknown, or not billed by the call.
        input_tokens: Tokens of the prompt. None: unknown.
        output_tokens: Tokens of the reply. None: unknown.
    """

    model_id: str
    usd: Number | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
