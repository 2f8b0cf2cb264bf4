"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time.

Each item asks for a short text under instructions that a program can check. A reply that keeps them all
and one that breaks one of them are written along with the instructions.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 4
TOPICS = {
    "a lighthouse": ("lamp", "rocks", "keeper", "ships"),
    "a railway station": ("platform", "clock", "tickets", "trains"),
    "a vegetable garden": ("beans", "soil", "rain", "spade"),
    "a public library": ("shelves", "readers", "silence", "catalogue"),
    "a mountain hut": ("stove", "snow", "blankets", "soup"),
    "a harbour market": ("fish", "nets", "crates", "gulls"),
    "a bicycle workshop": ("chain", "spokes", "oil", "wrench"),
    "a weather station": ("wind", "pressure", "records", "balloon"),
}
FILLER = (
    "people",
    "often",
    "stop",
    "here",
    "and",
    "look",
    "around",
    "before",
    "they",
    "go",
    "on",
    "with",
    "their",
    "day",
)


def random_topic(r: Random) -> tuple[str, tuple[str, ...]]:
    """Return what to write about, and words that belong to it."""
    name = r.choice(tuple(TOPICS))
    return name, TOPICS[name]


def make_item(question: str, wanted: list[dict[str, Any]], good: str, bad: str) -> Item:
    """Return the item of a question with its instructions."""
    return Item(question, good, bad, {"constraints": wanted})


def make_sentence(words: int, about: str) -> str:
    """Return a sentence of so many words."""
    said = [*about.split(), *(FILLER[k % len(FILLER)] for k in range(words))][:words]
    return " ".join(said).capitalize() + "."


def exact_bullets(r: Random) -> Item:
    """A number of bullet points, each with few words."""
    name, words = random_topic(r)
    count = r.randint(3, 4)
    good = "\n".join(f"- the {word} of the place" for word in words[:count])
    wanted: list[dict[str, Any]] = [{"kind": "bullets", "count": count}, {"kind": "lines", "count": count}]
    question = f"Name things one finds in {name}, as exactly {count} bullet points that start with a hyphen, and write nothing else."
    return make_item(question, wanted, good, good + "\n- and one more")


def word_range(r: Random) -> Item:
    """A number of words between two bounds."""
    name, _ = random_topic(r)
    least = r.choice((20, 30, 40))
    wanted = [{"kind": "words", "min": least, "max": least + 10}]
    question = f"Describe {name} in at least {least} and at most {least + 10} words."
    return make_item(question, wanted, make_sentence(least + 5, name), make_sentence(least - 6, name))


def forbidden_words(r: Random) -> Item:
    """Three words that must not be used."""
    name, words = random_topic(r)
    banned = list(r.sample(words, 3))
    wanted = [{"kind": "forbid", "words": banned}, {"kind": "sentences", "count": 2}]
    question = f"Describe {name} in exactly two sentences without using the words {banned[0]}, {banned[1]} and {banned[2]}."
    good = make_sentence(9, name) + " " + make_sentence(8, "on most days")
    return make_item(question, wanted, good, make_sentence(9, name) + f" One sees the {banned[1]}.")


def lower_case(r: Random) -> Item:
    """Lower case only, without commas."""
    name, words = random_topic(r)
    question = f"Describe {name} in one sentence, in lower case letters only and without any comma."
    wanted: list[dict[str, Any]] = [
        {"kind": "case", "is": "lower"},
        {"kind": "no_commas"},
        {"kind": "sentences", "count": 1},
    ]
    good = f"the {words[0]} and the {words[1]} are what one sees first."
    return make_item(question, wanted, good, good.capitalize())


def upper_case(r: Random) -> Item:
    """Upper case only, with a bound on the words."""
    name, words = random_topic(r)
    most = r.randint(8, 12)
    question = f"Write a headline about {name} in capital letters only, of at most {most} words."
    wanted: list[dict[str, Any]] = [{"kind": "case", "is": "upper"}, {"kind": "words", "max": most, "min": 1}]
    return make_item(question, wanted, f"NEW {words[0].upper()} FOR THE TOWN", f"New {words[0]} for the town")


def json_keys(r: Random) -> Item:
    """JSON alone, with given keys."""
    name, words = random_topic(r)
    keys = r.sample(("title", "size", "opened", "mood", "colour"), 3)
    wanted = [{"kind": "json", "keys": keys}]
    question = f"Describe {name} as one JSON object with exactly the keys {', '.join(json.dumps(key) for key in keys)}. Reply with the JSON alone."
    good = json.dumps(dict.fromkeys(keys, words[0]))
    return make_item(question, wanted, good, f"Here it is: {good}")


def key_words_counted(r: Random) -> Item:
    """A word used so many times."""
    name, words = random_topic(r)
    word, times = r.choice(words), r.randint(2, 4)
    wanted: list[dict[str, Any]] = [
        {"kind": "include", "words": [word], "count": times},
        {"kind": "paragraphs", "count": 1},
    ]
    question = f"Write one paragraph about {name} in which the word {word} stands exactly {times} times."
    good = " ".join(f"There is the {word}." for _ in range(times))
    return make_item(question, wanted, good, good + f" And the {word}.")


def first_and_last(r: Random) -> Item:
    """How a text begins and ends."""
    name, words = random_topic(r)
    start, end = (
        r.choice(("Dear reader,", "Good evening,", "Once more,")),
        r.choice(("That is all.", "See you there!", "The end.")),
    )
    wanted: list[dict[str, Any]] = [
        {"kind": "starts", "text": start},
        {"kind": "ends", "text": end},
        {"kind": "sentences", "min": 3},
    ]
    question = f'Write at least three sentences about {name}. Begin with "{start}" and end with "{end}", and write nothing before or after.'
    good = f"{start} here is the {words[0]}. Here is the {words[1]}. {end}"
    return make_item(question, wanted, good, good + " Thanks.")


def numbered_steps(r: Random) -> Item:
    """Numbered steps that name words in order."""
    name, words = random_topic(r)
    chosen = list(r.sample(words, 3))
    wanted: list[dict[str, Any]] = [
        {"kind": "numbered", "count": 3},
        {"kind": "ordered", "words": chosen},
        {"kind": "forbid", "words": ["then", "finally"]},
    ]
    question = (
        f"Give a tour of {name} in exactly three numbered steps (1., 2., 3.), which name {chosen[0]}, {chosen[1]} and {chosen[2]} in this order. "
        'Use neither "then" nor "finally".'
    )
    good = "\n".join(f"{k}. Look at the {word}." for k, word in enumerate(chosen, 1))
    return make_item(
        question,
        wanted,
        good,
        "\n".join(f"{k}. Look at the {word}." for k, word in enumerate(chosen[::-1], 1)),
    )


def short_words(r: Random) -> Item:
    """Only short words, and no letter e more often than allowed."""
    name, _ = random_topic(r)
    longest, letters = r.randint(5, 6), r.randint(1, 3)
    wanted: list[dict[str, Any]] = [
        {"kind": "max_word_chars", "max": longest},
        {"kind": "letter", "letter": "e", "max": letters},
        {"kind": "words", "min": 8},
    ]
    question = (
        f"Write at least eight words about {name}. No word may have more than {longest} letters, "
        f"and the letter e may stand there at most {'once' if letters == 1 else f'{letters} times'}."
    )
    good = "It is a big old spot at a bay or hill"
    return make_item(question, wanted, good, "These people were there between seven and eleven o'clock")


def quoted_lines(r: Random) -> Item:
    """In double quotes, in a number of lines."""
    name, words = random_topic(r)
    count = r.randint(2, 4)
    wanted: list[dict[str, Any]] = [{"kind": "quoted"}, {"kind": "lines", "count": count}]
    question = f"Write a poem of exactly {count} lines about {name}, and put the whole reply in double quotation marks."
    body = "\n".join(f"The {word} waits for you" for word in words[:count])
    return make_item(question, wanted, f'"{body}"', body)


def four_at_once(r: Random) -> Item:
    """Four instructions together."""
    name, words = random_topic(r)
    word = r.choice(words)
    wanted: list[dict[str, Any]] = [
        {"kind": "bullets", "count": 3},
        {"kind": "each_line_starts", "text": "* "},
        {"kind": "include", "words": [word], "count": 1},
        {"kind": "case", "is": "lower"},
    ]
    question = (
        f"List three facts about {name}: exactly three bullet points, each line starting with an asterisk and a space, all in lower case, "
        f"the word {word} exactly once in the whole reply, and nothing before or after the list."
    )
    good = f"* here stands the {word}\n* it is old\n* it is well kept"
    return make_item(
        question, wanted, good, f"* here stands the {word}\n* the {word} is old\n* it is well kept"
    )


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", exact_bullets),
    ("easy", lower_case),
    ("easy", upper_case),
    ("easy", json_keys),
    ("medium", word_range),
    ("medium", forbidden_words),
    ("medium", first_and_last),
    ("medium", quoted_lines),
    ("hard", key_words_counted),
    ("hard", numbered_steps),
    ("hard", short_words),
    ("hard", four_at_once),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("instructions", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
