"""One source to translate, the languages it may be in, and an interpreter of the small one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STACK_WORDS = """The language works on a stack of whole numbers. A program is words separated by white space, run from left to right:
a number pushes itself; `+ - * / %` take b (the top) and a (below it) and push the result, where `/` rounds towards zero and `%` has the sign of a;
`< =` push 1 or 0; `dup` doubles the top, `drop` removes it, `swap` exchanges the two on top, `over` pushes a copy of the second;
`[ ... ] loop` runs its words as long as it finds something other than 0 on top before each round (it takes that number off each time, also the last);
`[ ... ] [ ... ] if` takes a number below and runs the first words when it is not 0, else the second. The function's arguments are
on the stack at the beginning, the last on top; its result is the top at the end. """

LANGUAGES = {
    "javascript": ("JavaScript", "js", ""),
    "stack": ("program of a small stack language", "text", STACK_WORDS),
}


@dataclass(frozen=True)
class Source:
    """A function to translate.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        family: The language, a key of :data:`LANGUAGES`; the cluster of the sample.
        signature: Of the Python function.
        task: What must be known of the arguments.
        text: The source.
        solution: A right translation.
        decoy: A translation word for word, which is wrong somewhere.
        cases: Arguments of each call.
    """

    tier: str
    family: str
    signature: str
    task: str
    text: str
    solution: str
    decoy: str
    cases: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        """Name of the Python function."""
        return self.signature.partition("(")[0]

    @property
    def script_name(self) -> str:
        """Name of the JavaScript function: the same in camel case."""
        head, *rest = self.name.split("_")
        return head + "".join(word.capitalize() for word in rest)


def run(program: str, arguments: tuple[int, ...], max_steps: int = 100_000) -> int:
    """Return what a program of the stack language gives."""
    words, end = _parse_words(program.split(), 0)
    assert end == len(program.split()), "a bracket too many"
    stack: list[Any] = list(arguments)
    steps = [max_steps]
    _run_words(words, stack, steps)
    return int(stack[-1])


def _parse_words(words: list[str], at: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while at < len(words) and words[at] != "]":
        if words[at] == "[":
            inner, at = _parse_words(words, at + 1)
            found.append(inner)
        else:
            found.append(words[at])
        at += 1
    return found, at


def _run_words(words: list[Any], stack: list[Any], steps: list[int]) -> None:
    for word in words:
        steps[0] -= 1
        assert steps[0] > 0, "runs for ever"
        if isinstance(word, list):
            stack.append(word)
        elif word.lstrip("-").isdigit():
            stack.append(int(word))
        elif word == "loop":
            body = stack.pop()
            while stack.pop():
                _run_words(body, stack, steps)
        elif word == "if":
            no, yes, test = stack.pop(), stack.pop(), stack.pop()
            _run_words(yes if test else no, stack, steps)
        else:
            _run_word(word, stack)


def _run_word(word: str, stack: list[Any]) -> None:
    if word == "dup":
        stack.append(stack[-1])
    elif word == "drop":
        stack.pop()
    elif word == "over":
        stack.append(stack[-2])
    else:
        b, a = stack.pop(), stack.pop()
        quotient = 0 if not b else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        stack.extend({
            "swap": (b, a), "+": (a + b,), "-": (a - b,), "*": (a * b,), "<": (int(a < b),), "=": (int(a == b),),
            "/": (quotient,), "%": (a - b * quotient,),
        }[word])  # fmt: skip
