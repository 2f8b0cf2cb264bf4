"""Marks answers in fields that are not JSON: keys of YAML and attributes of XML and HTML."""

from __future__ import annotations

import re

ANSWER_START = "\ue000"
ANSWER_END = "\ue001"
"""Characters around a formal answer: a box, an answer tag or an answer field of JSON. They occur in no other text."""


ANSWER_KEYS = frozenset(
    [
        "answer",
        "finalanswer",
        "answerletter",
        "answeroption",
        "answerchoice",
        "correctanswer",
        "correctoption",
        "correctchoice",
        "choice",
        "option",
        "letter",
        "selected",
        "selectedoption",
        "selectedanswer",
        "selectedchoice",
        "selection",
        "chosenoption",
        "chosen",
        "label",
        "prediction",
        "predictedanswer",
        "pick",
        "response",
        "result",
        "solution",
        "verdict",
        "conclusion",
        "ans",
        "antwort",
        "respuesta",
        "reponse",
        "réponse",
        "risposta",
        "resposta",
        "ответ",
        "答案",
        "答え",
        "정답",
    ]
)
"""Keys of answers, in lower case, without punctuation."""
KEY_LINE = re.compile(
    r"""^[ \t>-]{0,8}["']?(?P<key>[A-Za-z][\w-]{2,30})["']?[ \t]{0,4}(?:=|:)[ \t]{0,4}
        (?P<value>["'(\[]{0,2}[A-Ja-j](?:["')\],]{1,3}|[.):][^\n]{0,120})?)[ \t]{0,4}(?:\#[^\n]{0,80})?$""",
    re.MULTILINE | re.VERBOSE,
)
MORE_KEYS = frozenset(
    [
        "bestanswer",
        "bestoption",
        "bestchoice",
        "correctletter",
        "answerkey",
        "myanswer",
        "modelanswer",
        "youranswer",
        "answerid",
        "optionid",
        "choiceid",
        "selectedid",
        "finalchoice",
        "finaloption",
        "finalselection",
        "finalverdict",
        "chosenanswer",
        "chosenletter",
        "chosenchoice",
        "selectedletter",
        "chosenoptionid",
        "selectedoptionid",
        "predictedlabel",
        "predictedoption",
        "predictedchoice",
        "predictedletter",
        "picked",
    ]
)
PLAIN_KEYS = frozenset(["selected", "chosen", "prediction", "label", "pick", "picked", "selection"])
"""Keys of one word that are no noun for an answer in a sentence."""
TAG = re.compile(
    r"""<(?P<name>[A-Za-z][\w:-]{0,30})(?P<attributes>(?:\s{1,8}[\w:-]{1,30}(?:\s?=\s?(?:"[^"<>]{0,200}"|'[^'<>]{0,200}'|[^\s"'<>/]{1,60}))?){1,12})\s{0,4}(?P<slash>/?)>""",
    re.VERBOSE,
)
ATTRIBUTE = re.compile(r"""([\w:-]+)(?:\s?=\s?(?:"([^"]*)"|'([^']*)'|([^\s"'<>/]+)))?""")
CHOSEN_ATTRIBUTES = frozenset(["selected", "checked", "chosen", "correct", "iscorrect", "isanswer", "isselected", "picked", "answer", "right"])  # fmt: skip
LABEL_ATTRIBUTES = ("id", "value", "label", "letter", "key", "name", "option", "choice", "answer", "ref")
ANSWER_TAGS = frozenset(["answer", "finalanswer", "correctanswer", "ans", "selection", "selected", "result", "response", "solution", "verdict", "output"])  # fmt: skip
OPTION_TAGS = frozenset(["option", "choice", "letter", "item", "input", "alternative", "li", "candidate"])
LABEL_VALUE = re.compile(r"(?:option|choice|answer)?[\s_-]?([A-Ja-j])", re.IGNORECASE)


def mark_fields(text: str) -> str:
    """Return ``text`` with the value of each answer key and of each selected tag as a formal answer."""
    return TAG.sub(_mark_tag, KEY_LINE.sub(_mark_line, text))


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _mark_line(line: re.Match[str]) -> str:
    key = line["key"]
    name = _fold(key)
    is_compound = bool(re.search(r"[_-]|[a-z][A-Z]", key))
    if name in PLAIN_KEYS or (is_compound and name in ANSWER_KEYS | MORE_KEYS):
        return f"{ANSWER_START} {line['value'].strip()} {ANSWER_END}"
    return line.group()


def _mark_tag(tag: re.Match[str]) -> str:
    """Return a formal answer for a tag that is chosen; a new line for an option's tag that is not."""
    name = _fold(tag["name"])
    attributes = {
        _fold(key): next((value for value in values if value), "")
        for key, *values in ATTRIBUTE.findall(tag["attributes"])
    }
    flags = [
        key for key in attributes if key in CHOSEN_ATTRIBUTES and not LABEL_VALUE.fullmatch(attributes[key])
    ]
    label = next(
        (
            match.group(1).upper()
            for key in LABEL_ATTRIBUTES
            if (match := LABEL_VALUE.fullmatch(attributes.get(key, "").strip()))
        ),
        None,
    )
    if any(attributes[key].casefold() in {"", "true", "yes", "1", key} for key in flags):
        if label is not None:
            return f" {ANSWER_START} {label} {ANSWER_END} "
        return ANSWER_START if name in OPTION_TAGS and not tag["slash"] else tag.group()
    if label is not None and name in ANSWER_TAGS:
        return f" {ANSWER_START} {label} {ANSWER_END} "
    if name in OPTION_TAGS and (flags or label is not None):
        return "\n"
    return tag.group()
