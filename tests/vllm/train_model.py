"""Trains the small model that `make test-vllm` serves: real weights, real answers, about 0.9 million parameters.

A Llama with a byte-level tokenizer learns two-number addition and four-way multiple choice. A tenth of all
sums is never shown in training, so that a right answer is not a remembered one. Steps, not seconds, bound
the training, and every draw is seeded.

Run with the environment that scripts/setup_vllm_cpu.sh makes::

    .venv-vllm/bin/python -m tests.vllm.train_model

It takes about seven minutes on two cores and writes tests/vllm/model/.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.vllm.training import Row, train

SEED = 20261124
STEPS = 1_600
BATCH = 128
SPECIAL = ["<pad>", "<s>", "</s>", "<user>", "<assistant>", "<system>"]
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}"
    "{% set text = message['content'] if message['content'] is string else "
    "message['content'] | map(attribute='text') | join('') %}"
    "<{{ message['role'] }}>{{ text }}{% if message['role'] == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer without merges: 256 bytes and the special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=512
    )
    fast.add_special_tokens({"additional_special_tokens": SPECIAL[3:]})
    fast.chat_template = CHAT_TEMPLATE
    return fast


HELD_OUT = frozenset(random.Random(SEED).sample([(a, b) for a in range(100) for b in range(100)], 1_000))
"""A tenth of all sums, kept from training."""


def addition(draw: random.Random, *, test: bool) -> tuple[str, str]:
    """Return one sum as prompt and answer."""
    while True:
        left, right = draw.randrange(100), draw.randrange(100)
        if ((left, right) in HELD_OUT) == test:
            return f"What is {left} + {right}?", str(left + right)


def choice(draw: random.Random) -> tuple[str, str]:
    """Return one multiple-choice question as prompt and letter."""
    numbers = draw.sample(range(100), 4)
    largest = draw.random() < 0.5
    wanted = max(numbers) if largest else min(numbers)
    options = "\n".join(f"{letter}) {number}" for letter, number in zip("ABCD", numbers, strict=True))
    return f"Which is {'largest' if largest else 'smallest'}?\n{options}", "ABCD"[numbers.index(wanted)]


def draw_rows(draw: random.Random, tokenizer: PreTrainedTokenizerFast, size: int) -> list[Row]:
    """Return token ids and labels; only the answer and its end mark are learnt."""
    rows: list[Row] = []
    for _ in range(size):
        prompt, answer = addition(draw, test=False) if draw.random() < 0.65 else choice(draw)
        asked = tokenizer.encode(f"<s><user>{prompt}<assistant>", add_special_tokens=False)
        said = tokenizer.encode(f"{answer}</s>", add_special_tokens=False)
        rows.append((asked + said, [-100] * len(asked) + said))
    return rows


def accuracy(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]
) -> float:
    """Return the share of prompts answered exactly at temperature 0."""
    model.eval()
    right = 0
    for prompt, answer in pairs:
        asked = tokenizer(f"<s><user>{prompt}<assistant>", return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            made = model.generate(
                input_ids=asked["input_ids"],
                max_new_tokens=6,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
        said = tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        right += said == answer
    model.train()
    return right / len(pairs)


def main() -> None:
    """Train, evaluate, and write the model folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "model")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    draw = random.Random(SEED)
    tokenizer = make_tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    trained_s = train(model, tokenizer, lambda: draw_rows(draw, tokenizer, BATCH), options.steps)
    test = random.Random(SEED + 1)
    sums = accuracy(model, tokenizer, [addition(test, test=True) for _ in range(300)])
    choices = accuracy(model, tokenizer, [choice(test) for _ in range(300)])
    print(f"held-out addition {sums:.1%}, multiple choice {choices:.1%}", flush=True)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    card = {
        "script": "tests/vllm/train_model.py",
        "seed": SEED,
        "steps": options.steps,
        "batch": BATCH,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "held_out_addition": round(sums, 4),
        "multiple_choice": round(choices, 4),
        "items_each": 300,
        "train_s": round(trained_s),
        "torch": torch.__version__,
        "license": "Apache-2.0, as the project; no outside data or weights",
    }
    (options.out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
