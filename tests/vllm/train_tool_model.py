"""Trains the small model that `make test-vllm` serves for tools: real weights, real calls in the Hermes format.

A Llama learns the desk of a library (tests/vllm/library): several calls in one reply, calls that take what the results
said, a failed call, and sentences to the user. Its members and books are few. Some pairs of books are never asked
for in training, so that a solved episode with two books is not a remembered one.

Run with the environment that scripts/setup_vllm_cpu.sh makes::

    .venv-vllm/bin/python -m tests.vllm.train_tool_model

It takes a few minutes on two cores and writes tests/vllm/tool_model/.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.vllm.library.episodes import Play, declared_tools, draw_episode
from tests.vllm.training import Row, train

SEED = 20261129
STEPS = 400
BATCH = 16
VOCABULARY = 600
CONTEXT = 512
EPISODES = 40
"""Held-out episodes that the model is measured on."""
KNOWN_SHARE = 0.9
"""Of all episodes, those whose member is there."""
ROLES = ["<user>", "<assistant>", "<system>", "<tool>"]
CHAT_TEMPLATE = (
    "<s>{% if tools %}<system>Tools:"
    "{% for tool in tools %} {{ tool['function']['name'] }}"
    "({{ tool['function']['parameters']['properties'] | join(', ') }}){% endfor %}{% endif %}"
    "{% for message in messages %}"
    "{% set content = message['content'] if message['content'] is defined and message['content'] else '' %}"
    "{% set text = content if content is string else content | map(attribute='text') | join('') %}"
    "<{{ message['role'] }}>{{ text }}"
    "{% if message['role'] == 'assistant' %}"
    "{% for call in message['tool_calls'] if message['tool_calls'] is defined %}"
    "{% if not loop.first or text %}{{ '\\n' }}{% endif %}"
    "{{ '<tool_call>\\n{\"name\": \"' }}{{ call['function']['name'] }}{{ '\", \"arguments\": ' }}"
    "{% if call['function']['arguments'] is string %}{{ call['function']['arguments'] }}"
    "{% else %}{{ call['function']['arguments'] | tojson }}{% endif %}"
    "{{ '}\\n</tool_call>' }}{% endfor %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Return a byte-pair tokenizer of some texts: words, single digits, and runs of marks such as ``": {"``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[A-Za-z_]+|[0-9]|[^A-Za-z_0-9]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", *ROLES]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    # As in Qwen's and Hermes' tokenizers: one token each, and not special, so that they stay in the text.
    tokenizer.add_tokens(
        [AddedToken(mark, special=False, normalized=False) for mark in ("<tool_call>", "</tool_call>")]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=CONTEXT,
    )
    fast.add_special_tokens({"additional_special_tokens": ROLES})
    fast.chat_template = CHAT_TEMPLATE
    return fast


def draw_play(draw: random.Random, *, test: bool) -> Play:
    """Return one episode of the mix that the model learns."""
    return draw_episode(draw, test=test, known=draw.random() < KNOWN_SHARE)


def row_of(tokenizer: PreTrainedTokenizerFast, text: str) -> Row:
    """Return a conversation; what the assistant says and its end marks are learnt."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    begin, end = tokenizer.convert_tokens_to_ids("<assistant>"), tokenizer.eos_token_id
    labels, inside = [], False
    for token in ids:
        labels.append(token if inside else -100)
        inside = token == begin or (inside and token != end)
    return ids, labels


def rendered(tokenizer: PreTrainedTokenizerFast, play: Play) -> str:
    """Return a whole conversation as the model reads it."""
    text: str = tokenizer.apply_chat_template(play.messages, tools=declared_tools(), tokenize=False)
    return text


def solved(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, plays: list[Play]) -> float:
    """Return the share of episodes whose every turn is the desk's, at temperature 0."""
    model.eval()
    right = 0
    for play in plays:
        exact = True
        for at, message in enumerate(play.messages):
            if message["role"] != "assistant":
                continue
            given = {"tools": declared_tools(), "tokenize": False}
            asked = tokenizer.apply_chat_template(play.messages[:at], add_generation_prompt=True, **given)
            whole = tokenizer.apply_chat_template(play.messages[: at + 1], **given)
            prompt = tokenizer(asked, return_tensors="pt", add_special_tokens=False)["input_ids"]
            wanted = tokenizer.encode(whole, add_special_tokens=False)[prompt.shape[1] :]
            with torch.no_grad():
                made = model.generate(
                    input_ids=prompt,
                    attention_mask=torch.ones_like(prompt),
                    max_new_tokens=len(wanted),
                    do_sample=False,
                    pad_token_id=tokenizer.pad_token_id,
                )
            exact = exact and made[0, prompt.shape[1] :].tolist() == wanted
        right += exact
    model.train()
    return right / len(plays)


def main() -> None:
    """Train, evaluate, and write the model folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "tool_model")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    draw = random.Random(SEED)
    # All bytes are in the alphabet, so a template of one sample of texts is enough for the merges.
    blank = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    blank.chat_template = CHAT_TEMPLATE
    tokenizer = make_tokenizer([rendered(blank, draw_play(draw, test=False)) for _ in range(400)])
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.1,  # the default is for wide models; attention in a narrow one would start uniform
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )

    def rows() -> list[Row]:
        return [row_of(tokenizer, rendered(tokenizer, draw_play(draw, test=False))) for _ in range(BATCH)]

    example = rows()
    print(rendered(tokenizer, draw_play(draw, test=False)))
    print(f"{sum(len(ids) for ids, _ in example) / BATCH:.0f} tokens in an episode", flush=True)
    trained_s = train(model, tokenizer, rows, options.steps)
    # Half precision halves the file; what is measured is what is served.
    model = model.half().float()
    test = random.Random(SEED + 1)
    share = solved(model, tokenizer, [draw_play(test, test=True) for _ in range(EPISODES)])
    print(f"held-out episodes {share:.1%}", flush=True)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    card = {
        "script": "tests/vllm/train_tool_model.py",
        "seed": SEED,
        "steps": options.steps,
        "batch": BATCH,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "held_out_episodes": round(share, 4),
        "episodes": EPISODES,
        "train_s": round(trained_s),
        "torch": torch.__version__,
        "license": "Apache-2.0, as the project; no outside data or weights",
    }
    (options.out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
