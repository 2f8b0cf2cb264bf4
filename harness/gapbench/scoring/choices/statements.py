"""Finds what a reply says about its options: answers, conclusions, claims and exclusions.

The patterns match the string of meanings of :mod:`gapbench.scoring.choices.words`, one character per word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gapbench.scoring.choices import patterns as p
from gapbench.scoring.choices.tokens import ONLY_WORDS, Tokens

TRUTH_WORDS = frozenset(["true", "false"])


class Statement(NamedTuple):
    """What a reply says about one or more options at one place.

    Attributes:
        at: Number of the token.
        kind: ``answer`` and ``conclusion`` state the answer; ``claim`` says that an option is right, ``weak`` that it
            may be, ``out`` that it is not the answer.
        options: Labels; several for an answer such as "A or B".
    """

    at: int
    kind: str
    options: frozenset[str]


class StatementFinder:
    """Finds the statements in the tokens of one reply."""

    def __init__(self, tokens: Tokens) -> None:
        self.items = tokens.items
        self.text = tokens.meanings
        numbered = [at for at, token in enumerate(self.items) if token.starts_line]
        self._numbered = numbered if len({self.items[at].option for at in numbered}) > 1 else []

    def find(self) -> list[Statement]:
        """Return the statements in the order of their places."""
        finders = (
            self._formal_answers, self._stated_answers, self._predicates, self._exclusions, self._choices, self._conclusions,
            self._exceptions, self._wrong_ones, self._endings, self._lone_options, self._numbered_lines,
        )  # fmt: skip
        found = {statement for finder in finders for statement in finder()}
        return sorted(found, key=lambda statement: statement.at)[-p.MAX_STATEMENTS :]

    def group_at(self, start: int) -> tuple[frozenset[str], bool]:
        """Return the options joined by "or", "and" or commas from ``start``, and whether they begin another clause.

        In "the answer is D, A and B are wrong" only D is joined.
        """
        labels, at = [self.items[start].option], start + 1
        only_or = True
        while (match := p.JOINT.match(self.text, at)) and len(labels) < p.MAX_JOINED:
            at = match.end()
            labels.append(self.items[match.start("L")].option)
            only_or = only_or and "|" in match["joint"]
        follows = p.JOINT_END.match(self.text, at)
        after = self.text[follows.end() : follows.end() + 1] if follows else ""
        is_clause = after in set("=mjvx!RpzyW") and after != ""
        if len(labels) > 1 and is_clause and not (only_or and after not in "=mjx!"):
            return frozenset(labels[:1]), True
        return frozenset(labels), False

    def _sentence_before(self, at: int) -> str:
        start = max(
            (match.end() for match in p.CLAUSE_BREAK.finditer(self.text, max(0, at - 60), at)),
            default=max(0, at - 60),
        )
        return self.text[start:at]

    def _is_hypothetical(self, at: int) -> bool:
        """Return whether a word before ``at`` in its sentence makes it a hypothesis or a first impression."""
        before = self._sentence_before(at)
        last = before.rfind("t")
        return last >= 0 and not p.REVERSAL.search(before, last + 1)

    def is_open(self, at: int) -> bool:
        """Return whether the option at ``at`` is only asked about, supposed or looked at first."""
        return self._is_hypothetical(at) or self._is_question(at)

    def _is_question(self, at: int) -> bool:
        end = p.CLAUSE_BREAK.search(self.text, at, at + p.MAX_SENTENCE)
        return bool(end and end.group() == "?")

    def _kind(self, kind: str, at: int) -> str:
        """Return ``kind``, or a weaker one in a question, a hypothesis or a subordinate clause."""
        if self.is_open(at):
            return "maybe"
        before = self._sentence_before(at)
        if "j" in before and not p.REVERSAL.search(before, before.rfind("j")):
            return "weak"
        if kind == "claim" and "u" in re.split(r"[,b]", before)[-1]:
            return "weak"
        return kind

    def _statement(self, kind: str, at: int, start: int) -> Statement:
        options, begins_clause = self.group_at(at)
        if begins_clause and kind == "conclusion":  # "so A and B are wrong"
            return Statement(at, "none", options)
        if kind != "answer" and p.NO_DOUBT_ABOVE.search(self._sentence_before(start)):
            return Statement(at, "out", options)
        return Statement(at, self._kind(kind, start), options)

    def _formal_answers(self) -> Iterator[Statement]:
        for match in p.FORMAL_ANSWER.finditer(self.text):
            at = match.start("L")
            yield Statement(at, "out" if match["negated"] else "answer", self.group_at(at)[0])

    def _stated_answers(self) -> Iterator[Statement]:
        for match in p.STATED_ANSWER.finditer(self.text):
            at, noun = match.start("L"), match.start()
            if "N" in match["separator"] and self._begins_list(at, noun):
                continue
            words = match["gap"] + match["fill"]
            if "x" in self.text[max(0, noun - 2) : noun] or "x" in match["gap"]:
                yield Statement(at, "out", self.group_at(at)[0])
                continue
            negations = words.count("!") + bool(p.NO_DOUBT_ABOVE.search(self._sentence_before(noun)))
            if negations % 2:
                yield Statement(at, "out", self.group_at(at)[0])
            elif "j" in words or "t" in words:
                yield Statement(at, "maybe" if "t" in words else "weak", self.group_at(at)[0])
            else:
                yield self._statement("answer", at, noun)
        for match in p.NOUN_THEN_OPTION.finditer(self.text):
            yield self._statement("answer", match.start("L"), match.start())

    def _begins_list(self, at: int, noun: int) -> bool:
        """Return whether the option at ``at`` begins a list or a table below a line such as "About each option:"."""
        if re.match(r"[:.(]{1,3}x", self.text[at + 1 : at + 5]):
            return True
        return at in self._numbered and self.text[noun] == "o" and self.text[max(0, noun - 1) : noun] != "p"

    def _predicates(self) -> Iterator[Statement]:
        for match in p.PREDICATE.finditer(self.text):
            if match.start("group") in self._numbered and ":" in match["aux"]:
                continue
            yield from self._predicate(match)
        for match in p.REVERSED_PREDICATE.finditer(self.text):
            kind = "claim" if match["value"] == "p" else "out"
            for label in self._labels(match):
                yield Statement(match.start("group"), kind, frozenset(label))

        for pattern in (p.APPOSITION, p.SYMBOL_THEN_OPTION):
            for match in pattern.finditer(self.text):
                at = match.start("L") if pattern is p.SYMBOL_THEN_OPTION else match.start()
                if pattern is p.APPOSITION or not self.items[match.start("value")].text.isalpha():
                    yield self._statement("claim" if match["value"] == "p" else "out", at, at)
        for match in p.SUBJECT_NOUN.finditer(self.text):
            if not self.items[match.start("particle")].text.isascii():
                yield self._statement("conclusion", match.start("L"), match.start("L"))
        for match in p.DOES.finditer(self.text):
            yield self._statement("out" if match["negated"] else "claim", match.start("L"), match.start("L"))
        for match in p.PLAUSIBLE.finditer(self.text):
            yield self._statement("weak", match.start("L"), match.start("L"))
        for pattern in (p.MAKES, p.SO_IS):
            for match in pattern.finditer(self.text):
                value = match.groupdict().get("value", "p")
                kind = {"p": "claim", "n": "conclusion", "x": "out"}[value]
                before = self._sentence_before(match.start())
                if pattern is p.SO_IS and ("l" in before or "p" not in before):
                    kind = "weak"
                yield self._statement(kind, match.start("L"), match.start())
        yield from self._only_options()

    def _only_options(self) -> Iterator[Statement]:
        """Yield the options of "only B …" and "only option B …"."""
        for at, token in enumerate(self.items):
            if token.text.casefold() not in ONLY_WORDS or self.text[at - 1 : at] == "!":
                continue
            skipped = len(self.text[at + 1 : at + 4]) - len(self.text[at + 1 : at + 4].lstrip("fo"))
            option = at + 1 + skipped
            if self.text[option : option + 1] == "L":
                options, _ = self.group_at(option)
                if len(options) == 1:
                    yield Statement(option, self._kind("claim", at), options)

    def _labels(self, match: re.Match[str]) -> list[str]:
        return [
            self.items[at].option
            for at in range(match.start("group"), match.end("group"))
            if self.text[at] == "L"
        ]

    def _predicate(self, match: re.Match[str]) -> Iterator[Statement]:
        at, value = match.start("group"), match["value"]
        if re.search(r"L[)]?[&|]$", self.text[max(0, at - 3) : at]):
            return  # the end of a list whose beginning is another part of the sentence
        between = match["aux"] + match["rest"]
        if value in "no" and ("=" not in between or "g" in between):
            return
        if value == "y" and "p" not in match["more"] + between:
            return
        negations = (
            bool(match["negated"])
            + (value in "xz")
            + bool(p.NO_DOUBT_ABOVE.search(self._sentence_before(at)))
        )
        if "!" in match["group"] or self.text[max(0, at - 2) : at].strip("fo").endswith("!"):
            negations += 1
        if negations == 1:
            kind = "out"
        elif "l" in between or "j" in between or negations > 1:
            kind = "weak"
        else:
            kind = "conclusion" if value in "noR" else "claim"
        kind = self._kind(kind, at)
        follows = self._sentence_after(match.end())
        if kind in {"claim", "conclusion"} and re.match(r"[^.N?]*?t", follows) and "m" in between + "j":
            kind = "maybe"
        labels = self._labels(match)
        if kind in {"claim", "conclusion"} and len(set(labels)) > 1 and kind == "conclusion":
            yield Statement(at, kind, frozenset(labels))
            return
        yield from (Statement(at, kind, frozenset([label])) for label in labels)

    def _sentence_after(self, at: int) -> str:
        end = p.CLAUSE_BREAK.search(self.text, at, at + p.MAX_SENTENCE)
        return self.text[at : end.start() if end else at + p.MAX_SENTENCE]

    def _exclusions(self) -> Iterator[Statement]:
        for match in p.NEGATED_GROUP.finditer(self.text):
            following = self.text[match.end() : match.end() + 3]
            if re.match(r"[fhm=]*x", following):
                continue
            labels = self._labels(match)
            if (
                len(labels) > 1
                and re.search(r",[fo]*L$", match["group"])
                and re.match(r"[fh]*[=mRpv]", following)
            ):
                left = frozenset(labels.pop())  # "after eliminating A and B, C is left"
                yield Statement(
                    match.end() - 1, "out" if re.match(r"[fhm=]*[x!]", following) else "claim", left
                )
            for label in labels:
                yield Statement(match.start("group"), "out", frozenset([label]))
        for match in p.NONE_OF.finditer(self.text):
            if self.items[match.start()].text.casefold().startswith(("none", "no ")):
                for label in self._labels(match):
                    yield Statement(match.start("group"), "out", frozenset([label]))
        for pattern in (p.NOT_BUT, p.LIST_BUT, p.POSTFIX_NOT_BUT):
            for match in pattern.finditer(self.text):
                yield self._statement("conclusion", match.start("L"), match.start("L"))

    def _choices(self) -> Iterator[Statement]:
        for match in p.CHOSEN.finditer(self.text):
            at = match.start("L")
            if match["negated"]:
                yield Statement(at, "out", frozenset([self.items[at].option]))
            elif "," in self._sentence_before(match.start()) and self._is_first_person(match.start()):
                # "if I had to choose, I would choose B"
                yield Statement(at, "conclusion", self.group_at(at)[0])
            else:
                yield self._statement("conclusion", at, match.start())

        for match in p.CHOSEN_AFTER.finditer(self.text):
            yield self._statement("conclusion", match.start("L"), match.start("L"))

    def _is_first_person(self, at: int) -> bool:
        nearby = self.items[max(0, at - 1) : at + 2]
        return any(token.text.casefold() in {"i", "myself", "we", "you get", "i choose"} for token in nearby)

    def _conclusions(self) -> Iterator[Statement]:
        for match in p.CONCLUDED.finditer(self.text):
            yield self._statement("conclusion", match.start("L"), match.start("L"))
        for match in p.CONCLUDED_TEXT.finditer(self.text):
            if self.items[match.start("L")].by_text:
                yield self._statement("claim", match.start("L"), match.start("L"))
        for match in p.IS_OPTION.finditer(self.text):
            if match["subject"] or match["modal"]:
                kind = "weak" if "j" in match["modal"] else "conclusion"
                yield self._statement(kind, match.start("L"), match.start("L"))
        for match in p.MUST_BE.finditer(self.text):
            at = next(match.start(name) for name in ("L", "L2", "L3") if match[name])
            yield self._statement("conclusion", at, at)
        for match in p.THAT_IT_IS.finditer(self.text):
            yield self._statement("conclusion", match.start("L"), match.start("L"))
        for match in p.IS_AT_END.finditer(self.text):
            yield self._statement("weak", match.start("L"), match.start("L"))
        for match in p.OPTION_IT_IS.finditer(self.text):
            yield self._statement("conclusion", match.start("L"), match.start("L"))
        for pattern in (p.REMAINS_OPTION, p.IT_FITS, p.NO_THEN_OPTION, p.THINK_OPTION):
            for match in pattern.finditer(self.text):
                at = match.start("L") if match["L"] else match.start("L2")
                yield self._statement("conclusion", at, at)
        for match in p.BUT_THEN_OPTION.finditer(self.text):
            at = match.start("L") if match["L"] else match.start("L2")
            kind = "conclusion" if match["L"] else "claim"
            yield Statement(at, kind, self.group_at(at)[0])
        for match in (match for pattern in p.DIRECT for match in pattern.finditer(self.text)):
            at, kind = (
                match.start("L"),
                p.KINDS_OF_REPLIES.get(match.groupdict().get("value", ""), "conclusion"),
            )
            yield Statement(at, kind, frozenset([self.items[at].option]))
        for match in p.CORRECTED.finditer(self.text):
            yield self._statement("answer", match.start("L"), match.start("L"))

    def _exceptions(self) -> Iterator[Statement]:
        for match in p.ALL_EXCEPT.finditer(self.text):
            quantifier, before = match["quantifier"], self._sentence_before(match.start())
            kind = "out" if "A" in quantifier and "!" not in quantifier + before else "conclusion"
            yield self._statement(kind, match.start("L"), match.start("L"))

    def _wrong_ones(self) -> Iterator[Statement]:
        """Yield the options of "the false statement is B", which is the answer if the question asks for it."""
        for pattern in (p.INVERSE, p.INVERSE_PREDICATE, p.INVERSE_CLAUSE):
            for match in pattern.finditer(self.text):
                options, _ = self.group_at(match.start("L"))
                if len(options) == 1 and not self.is_open(match.start("L")):
                    yield Statement(match.start("L"), "inverse", options)

    def _endings(self) -> Iterator[Statement]:
        """Yield the options at the end of a conclusion in other words, and those below a heading."""
        for match in p.SO_THE_ONE.finditer(self.text):
            yield self._statement("conclusion", match.start("L"), match.start("L"))
        for match in p.NAMED_AT_END.finditer(self.text):
            sentence = self._sentence_before(match.start("L"))
            if not set(sentence) & set("!xuteEL"):
                yield self._statement("claim", match.start("L"), match.start("L"))
        for match in p.AFTER_HEADING.finditer(self.text):
            if self.items[match.start("L")].is_marked or self.items[match.start("L")].by_text:
                yield self._statement("conclusion", match.start("L"), match.start("L"))

    def asks_for_wrong(self) -> bool:
        """Return whether the reply says that the question asks for what is false, missing or excepted."""
        return any(
            any(token.text.casefold().startswith("ask") for token in self.items[match.start() : match.end()])
            for match in p.ASKS_FOR_WRONG.finditer(self.text)
        )

    def _numbered_lines(self) -> Iterator[Statement]:
        """Yield what the lines of a list of options say about each: "B) a bus: too long. This is wrong."."""
        truths = [
            [token.text.casefold() for token in self.items[line + 2 : self._line_end(line)][:3]]
            for line in self._numbered
        ]
        are_judged = len(truths) > 2 and all(
            len(TRUTH_WORDS.intersection(words)) == 1 and words[0] in TRUTH_WORDS for words in truths
        )
        for line in self._numbered:
            if line + 2 >= len(self.items):
                continue
            rest = self.text[line + 1 : self._line_end(line)]
            if "L" in rest or (self.items[line + 2].text.casefold() in TRUTH_WORDS and not are_judged):
                continue
            symbol = self._symbol(line)
            is_wrong = symbol == "x" or (not symbol and bool(p.LINE_WRONG.search(rest)))
            right = symbol == "p" or p.LINE_RIGHT.search(rest)
            if is_wrong != bool(right):
                yield Statement(line, "out" if is_wrong else "claim", frozenset([self.items[line].option]))

    def _symbol(self, line: int) -> str:
        """Return the meaning of the check mark or cross in a line, or "" if there is none."""
        marks = [
            token.meaning
            for token in self.items[line : self._line_end(line)]
            if token.meaning in "px" and not token.text[:1].isalpha()
        ]
        return marks[0] if len(marks) == 1 else ""

    def _line_end(self, at: int) -> int:
        end = self.text.find("N", at)
        return end if end >= 0 else len(self.text)

    def _is_cut_off(self, part: str) -> bool:
        """Return whether the reply ends within a walk through its options: "Option A says … Option B says … Option C"."""
        return part in {"oL", "foL"} and bool(re.search(r"(?:^|[N.])f?o[fL][^.N:]{0,3}[Wky]", self.text))

    def _lone_options(self) -> Iterator[Statement]:
        """Yield options that are a whole sentence or the whole last part of one."""
        start = 0
        first, last = len(self.text) - len(self.text.lstrip("N")), len(self.text.rstrip("N."))
        for end in (match.start() for match in re.finditer(r"[.N?]|$", self.text)):
            part = self.text[start:end]
            if len(part) > p.MAX_SENTENCE:
                part = "W" + part[1 - p.MAX_SENTENCE :]
            lone = p.LONE_OPTION.fullmatch(part)
            if lone and not (end == len(self.text) and self._is_cut_off(part)):
                at = end - len(part) + lone.start("L")
                is_whole = not lone["head"] and not lone["before"].strip("fohswipnF(")
                has_edge = start <= first or end >= last
                kind = "answer" if is_whole and has_edge and "p" not in lone["after"] else "claim"
                if self.text[end : end + 1] == "?":
                    if is_whole:
                        yield Statement(at, "weak", self.group_at(at)[0])
                    start = end + 1
                    continue
                yield self._statement("line" if self.items[at].starts_line else kind, at, at)
            start = end + 1
