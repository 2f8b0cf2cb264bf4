"""Finds the options' texts in a question that lists them line by line."""

from __future__ import annotations

import re

LETTERS = "ABCDEFGHIJ"
OPTION_LINE = re.compile(
    r"""^[ \t>]{0,12}(?:[-*•][ \t]+)?[*_]{0,3}
        (?:\((?P<both>[A-J])\)|(?P<one>[A-J])(?P<mark>[).:]))[*_]{0,3}[ \t]+(?P<text>\S[^\n]*)$""",
    re.VERBOSE,
)
MAX_PROMPT_CHARS = 100_000


def options_in_prompt(prompt: str) -> dict[str, str]:
    r"""Return the options by letter that the last list of a prompt gives, or {} if it gives none without doubt.

    A list has one option on each line, in order from A ("A) Paris", "(A) Paris", "A. Paris", "A: Paris"), all with the
    same marks, at least two, and nothing but empty lines between them. Earlier lists, such as those of examples, are
    ignored. The prompt gives none without doubt if its last option lines are no such list, for example because the text
    of an option continues on the next line, if two options have the same text, or if it names a letter twice.

    Args:
        prompt: Text of the last message of the user.
    """
    runs: list[list[tuple[str, str, str]]] = []
    is_open = False
    for line in prompt[-MAX_PROMPT_CHARS:].splitlines():
        match = OPTION_LINE.match(line)
        if match:
            entry = (match["both"] or match["one"], match["mark"] or "()", match["text"].strip().strip("*_ "))
            if is_open and entry[0] != "A":
                runs[-1].append(entry)
            else:
                runs.append([entry])
            is_open = True
        elif line.strip():
            is_open = False
    if not runs:
        return {}
    labels = "".join(label for label, _, _ in runs[-1])
    marks = {mark for _, mark, _ in runs[-1]}
    texts = {label: text for label, _, text in runs[-1]}
    is_list = len(labels) > 1 and LETTERS.startswith(labels) and len(marks) == 1
    are_different = len({text.casefold() for text in texts.values()}) == len(labels) and all(texts.values())
    return texts if is_list and are_different else {}
