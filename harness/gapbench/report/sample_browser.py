"""Packs samples for the page, which loads nothing: an index, and the texts in blocks that are unpacked on demand.

Each block is gzipped JSON in base64: answers are hostile input, and base64 cannot close a tag. The page's script unpacks a
block with the browser's decompressor when a reader gets to it, so a page of 20,000 requests opens at once.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from gapbench import formatting
from gapbench.analysis.episode_turns import describe_episode, has_turns, turn_pricer
from gapbench.analysis.samples import Samples
from gapbench.report.style_sheets import read_template
from gapbench.store import read_manifest
from gapbench.store.json_records import records
from gapbench.values.stored_messages import describe_part

BLOCK_ITEMS = 200
MAX_TEXT_CHARS = 20_000
MAX_TURN_CHARS = 4_000
"""Characters of each text of a turn, since an episode has many."""
MAX_MEDIA_BYTES = 24 * 2**20


@dataclass(frozen=True)
class PackedSamples:
    """Samples as the page embeds them.

    Attributes:
        index: Models, tasks and categories, and for each request its place in them and the outcome of each model.
        blocks: The texts, a fixed number of requests in each block, in order.
        media: Image bytes in base64, by hash.
        shown: Requests in the browser.
        total: Requests in the runs.
        media_left_out: Number of images that did not fit into the page.
    """

    index: str
    blocks: tuple[str, ...]
    media: Mapping[str, str]
    shown: int
    total: int
    media_left_out: int


def pack_samples(samples: Samples, folders: Sequence[Path], block_items: int = BLOCK_ITEMS) -> PackedSamples:
    """Return samples packed for the page.

    Args:
        samples: The samples to show.
        folders: Run folders, whose ``media/`` holds the images.
        block_items: Requests in a block.
    """
    tasks = list(dict.fromkeys(samples.items["task"].astype(str)))
    categories = list(dict.fromkeys(samples.items["category"].astype(str)))
    place = {name: number for number, name in enumerate(samples.models)}
    answers = _group_by_item(samples.answers)
    _add_episodes(samples, [answer for given in answers.values() for answer in given], folders)
    first_prompts = _first_prompts(answers)
    listed: list[list[Any]] = []
    texts: list[dict[str, Any]] = []
    hashes: dict[str, None] = {}
    for item, row in zip(samples.items.index, records(samples.items), strict=True):
        given: list[Mapping[str, Any] | None] = [None] * len(samples.models)
        for answer in answers.get(int(item), []):
            given[place[str(answer["model_id"])]] = answer
        listed.append(
            [
                tasks.index(str(row["task"])),
                categories.index(str(row["category"])),
                formatting.strip_controls(row["sample_id"]),
                int(row["repeat"]),
                str(row["load"]),
                [answer and str(answer["outcome"]) for answer in given],
                [answer and answer["score"] for answer in given],
            ]
        )
        first = first_prompts.get(int(item))
        prompt = _messages(first)
        hashes.update(dict.fromkeys(part["i"] for turn in prompt for part in turn["p"] if "i" in part))
        texts.append(
            {
                "m": prompt,
                "t": _shorten(row["target"]),
                "a": [answer and _answer(answer, first) for answer in given],
            }
        )
    media, left_out = _media(hashes, folders)
    index = {
        "models": [formatting.strip_controls(name) for name in samples.models],
        "tasks": [formatting.strip_controls(name) for name in tasks],
        "categories": [formatting.strip_controls(name) for name in categories],
        "block": block_items,
        "items": listed,
    }
    blocks = tuple(
        _compress(texts[start : start + block_items]) for start in range(0, len(texts), block_items)
    )
    return PackedSamples(_compress(index), blocks, media, len(listed), samples.total, left_out)


@cache
def page_script() -> str:
    """Return the text of the page's only script: how episodes are shown, and the browser, in one scope."""
    episode = re.sub(r"^export ", "", read_template("episode.js"), flags=re.MULTILINE)
    return f'"use strict";\n(() => {{\n{episode}\n{read_template("browser.js")}}})();\n'


@cache
def page_script_hash() -> str:
    """Return the hash with which the page's content security policy allows this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(page_script().encode()).digest()).decode()


def _group_by_item(answers: pd.DataFrame) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in records(answers):
        found.setdefault(int(row["item"]), []).append(row)
    return found


def _first_prompts(answers: Mapping[int, Sequence[Mapping[str, Any]]]) -> dict[int, str | None]:
    """Return for each request the prompt of the first model that was asked."""
    found: dict[int, str | None] = {}
    for item, given in answers.items():
        prompts = (answer["messages"] for answer in given if isinstance(answer["messages"], str))
        found[item] = next(prompts, None)
    return found


def _add_episodes(samples: Samples, answers: Sequence[dict[str, Any]], folders: Sequence[Path]) -> None:
    """Add ``episode`` to the answers that have turns; their ``messages`` become those that the episode began with."""
    shown = [answer for answer in answers if has_turns(answer)]
    if not shown:
        return
    turns: dict[str, list[dict[str, Any]]] = {}
    for row in records(samples.turns):
        turns.setdefault(str(row["trajectory_id"]), []).append(row)
    endings = {str(row["trajectory_id"]): row for row in records(samples.endings)}
    prices = {folder.name: turn_pricer(read_manifest(folder)) for folder in folders}
    for answer in shown:
        name = answer["trajectory_id"]
        # A single reply with calls is its own only turn, whichever attempt at it was the last.
        rows = turns[str(name)] if isinstance(name, str) else [{**answer, "attempt": 1}]
        found = describe_episode(
            rows, endings.get(str(name)), _shorten_turn, prices.get(str(answer["run_id"]), lambda _: None)
        )
        answer["messages"] = found.pop("prompt")
        answer["episode"] = found


def _shorten_turn(text: str) -> str:
    return _shorten(text, MAX_TURN_CHARS) or ""


def _answer(row: Mapping[str, Any], first_prompt: str | None) -> dict[str, Any]:
    """Return one model's answer without unknown fields; its prompt only if it differs from that of the first model."""
    fields = {
        "r": None if "episode" in row else _shorten(row["reply"]),
        "k": None if "episode" in row else _shorten(row["reasoning"]),
        "s": row.get("episode"),
        "x": _shorten(row["answer"]),
        "w": _shorten(row["reason"]),
        "e": _shorten(row["error"]),
        "f": row["failure_kind"] or row["finish_reason"],
        "n": "" if isinstance(row["trajectory_id"], str) else _facts(row),
        "m": None if row["messages"] == first_prompt else _messages(row["messages"]),
    }
    return {name: value for name, value in fields.items() if value}


def _facts(row: Mapping[str, Any]) -> str:
    """Return time and tokens as text."""
    facts = []
    if formatting.is_known(row["response_s"]):
        facts.append(f"answer {formatting.format_seconds(row['response_s'])}")
    if formatting.is_known(row["ttft_s"]):
        facts.append(f"first token {formatting.format_seconds(row['ttft_s'])}")
    if formatting.is_known(row["input_tokens"]) and formatting.is_known(row["output_tokens"]):
        facts.append(
            f"{formatting.format_count(row['input_tokens'])} tokens in, {formatting.format_count(row['output_tokens'])} out"
        )
    return ", ".join(facts)


def _messages(stored: Any) -> list[dict[str, Any]]:
    """Return a prompt's turns: role ``o``, and parts ``p``.

    A part is text (``t``; what else it is in ``k``, such as ``call add``) or an image (``i`` hash, ``y`` type).
    """
    if not isinstance(stored, str):
        return []
    turns = orjson.loads(stored)
    return [{"o": str(turn["role"]), "p": list(map(_part, turn["parts"]))} for turn in turns]


def _part(part: Mapping[str, Any]) -> dict[str, str]:
    shown = describe_part(part)
    if "image" in shown:
        return {"i": shown["image"], "y": shown["media_type"]}
    text = {"t": _shorten(shown["text"]) or ""}
    if "kind" not in shown:
        return text
    return {**text, "k": formatting.strip_controls(" ".join([shown["kind"], shown.get("name", "")]).strip())}


def _shorten(text: Any, max_chars: int = MAX_TEXT_CHARS) -> str | None:
    """Return text without control characters, and without its middle if it is too long. None: there is no text."""
    if not isinstance(text, str):
        return None
    clean = formatting.strip_controls(text)
    if len(clean) <= max_chars:
        return clean
    half = max_chars // 2
    return f"{clean[:half]}\n[… {len(clean) - 2 * half:,} characters left out of the page …]\n{clean[-half:]}"


def _media(hashes: Mapping[str, None], folders: Sequence[Path]) -> tuple[dict[str, str], int]:
    """Return the images that fit, in order of use, and how many do not fit or are missing."""
    found: dict[str, str] = {}
    room, left_out = MAX_MEDIA_BYTES, 0
    for digest in hashes:
        path = next(
            (folder / "media" / digest for folder in folders if (folder / "media" / digest).is_file()), None
        )
        if path is None or path.stat().st_size > room:
            left_out += 1
            continue
        data = path.read_bytes()
        room -= len(data)
        found[digest] = base64.b64encode(data).decode()
    return found, left_out


def _compress(value: Any) -> str:
    # Without a time in the header, so that the same run gives the same page.
    return base64.b64encode(gzip.compress(orjson.dumps(value), 6, mtime=0)).decode()
