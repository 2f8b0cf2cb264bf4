"""Defines what a scorer is, and the base class that handles samples and replies that cannot be scored.

It knows no scorer by name; :mod:`gapbench.scoring.registry` finds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import missing_target_reason
from gapbench.values import Sample, Score, Transcript

EMPTY_REPLY = Score(0.0, "unparsed", reason="the reply is empty")


class Scorer(Protocol):
    """Scores replies. A scorer is pure, and never raises whatever the reply says.

    Attributes:
        is_slow: True when a call takes more than a few milliseconds and belongs in a thread.
    """

    @property
    def is_slow(self) -> bool:
        """Whether a call takes more than a few milliseconds."""

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why no reply to ``sample`` could be scored, or None if a reply could be."""

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return the score of ``reply`` for ``sample``."""


class ReplyScorer(ABC):
    """Base class of scorers: subclasses are frozen dataclasses whose fields are the scorer's options.

    A call returns ``unscored`` for a sample that cannot be scored and ``unparsed`` for an empty reply. Only
    other replies reach :meth:`score_reply`.

    Attributes:
        name: Name in suites. A built-in scorer's module has the same name.
        description: One line for ``bench list scorers``, without a full stop.
        is_slow: True when a call takes more than a few milliseconds and belongs in a thread.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    is_slow: ClassVar[bool] = False

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why no reply to ``sample`` could be scored, or None; by default it needs a target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return the score of ``reply`` for ``sample``."""
        reason = self.unscorable_reason(sample)
        if reason:
            return make_unscored(reason)
        return self.score_reply(reply, sample) if reply.strip() else EMPTY_REPLY

    @abstractmethod
    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the score of a reply that is not empty for a sample that can be scored."""


class TranscriptScorer(ReplyScorer):
    """Base class of scorers that need more than the last text: the tool calls, the whole conversation, the final state.

    Execution calls :meth:`score_transcript` for scorers whose ``reads_transcript`` is true. An episode that ended as
    ``infra`` never reaches a scorer.

    Attributes:
        reads_transcript: True.
    """

    reads_transcript: ClassVar[bool] = True

    def score_transcript(self, transcript: Transcript, sample: Sample) -> Score:
        """Return the score of an episode, or of a single reply with tools."""
        if transcript.termination == "infra":
            return make_unscored("the episode ended as infra, which says nothing about the model")
        reason = self.unscorable_reason(sample)
        return make_unscored(reason) if reason else self.score_conversation(transcript, sample)

    @abstractmethod
    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return the score of a conversation that has ended, for a sample that can be scored."""

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return the score of a reply of which only the text is known."""
        reason = self.unscorable_reason(sample)
        return make_unscored(reason) if reason else self.score_reply(reply, sample)

    def score_reply(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - subclasses may read calls in the text
        """Return ``unscored``: a text alone does not show the tool calls and the state."""
        return make_unscored("needs the whole conversation, and there is only the text of a reply")


def make_unscored(reason: str) -> Score:
    """Return the score of a reply that could not be scored, with the reason."""
    return Score(None, "unscored", reason=reason)


def check_threshold(scorer: str, threshold: float) -> None:
    """Raise ``InputError`` unless the option ``threshold`` of a scorer is above 0 and at most 1."""
    if not 0 < threshold <= 1:
        raise InputError(f"scorer {scorer!r}: threshold is {threshold!r}; expected more than 0, at most 1")
