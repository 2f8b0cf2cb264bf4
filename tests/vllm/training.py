"""How the small models of `make test-vllm` are trained: seeded, and bounded by steps, not by seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PEAK_RATE = 3e-3
WARMUP_STEPS = 60
Row = tuple[list[int], list[int]]
"""Token ids and labels of one example; -100 is not learnt."""


def pad(rows: list[Row], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows as two tensors of equal width."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad_id)
    labels = torch.full((len(rows), width), -100)
    for index, (row, learnt) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        labels[index, : len(row)] = torch.tensor(learnt)
    return ids, labels


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of the tokens that are learnt; no others get logits, which are most of a small model's work.

    Rows are padded on the right, so that no token attends to padding.
    """
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    learnt = wanted != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[learnt]), wanted[learnt])


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    draw_rows: Callable[[], list[Row]],
    steps: int,
) -> float:
    """Train a model and return the seconds that it took.

    Args:
        model: The model, changed in place.
        tokenizer: Its tokenizer.
        draw_rows: Returns the rows of the next batch.
        steps: Batches.
    """
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{count:,} parameters, {steps} steps", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05, betas=(0.9, 0.98))
    shape = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps, pct_start=min(0.3, WARMUP_STEPS / steps)
    )
    began = time.monotonic()
    for step in range(1, steps + 1):
        ids, labels = pad(draw_rows(), tokenizer.pad_token_id)
        loss = loss_of(model, ids, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        shape.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f} after {time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began
