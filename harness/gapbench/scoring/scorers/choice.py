"""The scorer ``choice``: the letter of a multiple-choice answer, however it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import reply_tail, shorten
from gapbench.scoring.choices.prompt import options_in_prompt
from gapbench.scoring.choices.reading import read_choice
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

OPTION_LETTERS = "ABCDEFGHIJ"
LABEL_ALONE = re.compile(r"[(\[{*_`$\s]*([A-J]|[1-9])[)\]}*_`$.,:;!\s]*", re.IGNORECASE)


@dataclass(frozen=True)
class Choice(ReplyScorer):
    """Accepts the right letter, A to J, or the right option's full text, as a person would read the reply.

    The last stated answer ("Answer: B", a box, a field ``answer`` of JSON) or conclusion ("so it must be B",
    "that leaves B") has priority; then an option that is called right; then a letter that the reply begins or
    ends with; then the only letter in brackets or bold; then the only option whose text occurs. An option that is
    said to be wrong never counts, nor does one in a hypothesis or a first impression that is corrected. Two options in
    one place, or none anywhere, are unparsed. A sentence reads alike for every letter, also for A and I, which are
    English words. The words for *answer*, *correct*, *not* and so on are known in about thirty languages.

    Attributes:
        options: Column with the options' texts: a list, or a mapping from letters A to J or digits 1 to 9. Samples
            without it may have the column ``choices``. Without either, the texts are those that the last message of the
            user lists line by line ("A) Paris"); where it has no such list, only letters are understood.
    """

    name: ClassVar[str] = "choice"
    description: ClassVar[str] = "a letter of a multiple choice, however it is stated"

    options: str = "options"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not one of the options, or None."""
        if sample.target is None:
            return "the sample has no target"
        texts = self._option_texts(sample)
        if target_letter(sample.target, texts) is not None:
            return None
        there = (
            f"the options are {shorten('; '.join(texts.values()))}"
            if texts
            else f"column {self.options!r} has none"
        )
        return f"target {shorten(str(sample.target))!r} is not an option; {there}"

    def _option_texts(self, sample: Sample) -> dict[str, str]:
        texts = option_texts(sample.columns.get(self.options, sample.columns.get("choices")))
        if texts:
            return texts
        prompts = [message for message in sample.messages if message.role == "user"]
        listed = options_in_prompt(prompts[-1].text) if prompts else {}
        return listed if listed and target_letter(sample.target, listed) is not None else {}

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is a letter."""
        texts = self._option_texts(sample)
        wanted = target_letter(sample.target, texts)
        letter, reason = read_choice(reply_tail(reply), texts)
        if letter is None:
            return Score(0.0, "unparsed", reason=reason)
        if letter == wanted:
            return Score(1.0, "correct", answer=letter, reason=reason)
        return Score(0.0, "wrong", answer=letter, reason=f"{reason}; the target is {wanted}")


def option_texts(column: Any) -> dict[str, str]:
    """Return the options by label, A to J or 1 to 9; {} if the column is missing or of another kind."""
    if isinstance(column, Mapping):
        if isinstance(column.get("label"), list) and isinstance(column.get("text"), list):  # ARC's form
            column = dict(zip(column["label"], column["text"], strict=False))
        texts = {str(label).strip().upper(): str(text) for label, text in column.items()}
        return {label: text for label, text in texts.items() if re.fullmatch("[A-J]|[1-9]", label)}
    if isinstance(column, (list, tuple)):
        return dict(zip(OPTION_LETTERS, map(str, column), strict=False))
    return {}


def target_letter(target: Any, texts: Mapping[str, str]) -> str | None:
    """Return the target's label, given as a label, an option's text or an index from 0; None if it is not an option.

    A whole number is a label where the labels are numbers.
    """
    allowed = "".join(texts) or OPTION_LETTERS
    if isinstance(target, int) and not isinstance(target, bool) and not allowed.isdigit():
        return allowed[target] if 0 <= target < len(allowed) else None
    text = str(target).strip()
    named = [letter for letter, option in texts.items() if option.strip() == text]
    if len(named) == 1 and not (allowed.isdigit() and text in texts):
        return named[0]
    match = LABEL_ALONE.fullmatch(text)
    return match.group(1).upper() if match and match.group(1).upper() in allowed else None
