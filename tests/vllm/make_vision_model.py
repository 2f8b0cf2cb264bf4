"""Builds a vision-language model small enough to be made anew for each test run: an Idefics3 with random weights.

Its answers mean nothing; they depend on the prompt and on the image, which is what the tests need. Each image is
four image tokens between three marks. The weights are seeded, and bytes that are no printable ASCII get a fixed,
low logit, so that every answer is text of the length asked for.

Run with the environment that scripts/setup_vllm_cpu.sh makes::

    .venv-vllm/bin/python tests/vllm/make_vision_model.py --out FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

SEED = 20261124
IMAGE_PIXELS = 56
PATCH_PIXELS = 14
SCALE = 2
IMAGE_TOKENS = (IMAGE_PIXELS // PATCH_PIXELS // SCALE) ** 2
CONTEXT_TOKENS = 2_048
WIDTH, HEADS = 96, 3
"""32 numbers a head: the least that vLLM's attention on the CPU takes (24 ends the server at the first request)."""

# The usual 0.02 would leave all logits nearly alike, and rounding would choose the token.
SPREAD = 0.2
MARKS = ["<pad>", "<s>", "</s>", "<user>", "<assistant>", "<system>"]
IMAGE_MARKS = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
IMAGE_MARKS += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}<{{ message['role'] }}>"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer without merges: 256 bytes and the marks."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*MARKS, *IMAGE_MARKS, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=CONTEXT_TOKENS,
    )
    fast.add_special_tokens({"additional_special_tokens": [*MARKS[3:], *IMAGE_MARKS]})
    return fast


def make_model(tokenizer: PreTrainedTokenizerFast) -> Idefics3ForConditionalGeneration:
    """Return the model, its weights drawn from :data:`SEED`."""
    shared = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "initializer_range": SPREAD,
    }
    config = Idefics3Config(
        vision_config={
            **shared, "intermediate_size": 2 * WIDTH, "image_size": IMAGE_PIXELS, "patch_size": PATCH_PIXELS,
        },
        text_config={
            **shared, "model_type": "llama", "vocab_size": len(tokenizer), "intermediate_size": 2 * WIDTH,
            "num_key_value_heads": HEADS, "max_position_embeddings": CONTEXT_TOKENS, "tie_word_embeddings": False,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        scale_factor=SCALE,
    )  # fmt: skip
    torch.manual_seed(SEED)
    model = Idefics3ForConditionalGeneration(config)
    printable = {tokenizer.convert_tokens_to_ids(chr(code)) for code in range(33, 127)}
    silent = [index for index in range(len(tokenizer)) if index not in printable]
    with torch.no_grad():
        model.lm_head.weight[silent] = 0
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def main() -> None:
    """Write model, tokenizer, image processor and chat template into one folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    tokenizer = make_tokenizer()
    model = make_model(tokenizer)
    side = {"longest_edge": IMAGE_PIXELS}
    images = Idefics3ImageProcessorPil(
        size=side, max_image_size=side, do_image_splitting=False, return_row_col_info=True
    )
    processor = Idefics3Processor(images, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=CHAT_TEMPLATE)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters in {out}")


if __name__ == "__main__":
    main()
