"""The scorer ``tau2``: the reward of tau2-bench, by the database and by what the agent wrote to the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.sandbox import Sandbox
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.conversation_facts import model_replies
from gapbench.scoring.json_pointer import find_difference
from gapbench.scoring.scorer import TranscriptScorer, make_unscored
from gapbench.scoring.tau2_replay import ReplayError, replay_reference
from gapbench.values import Sample, Score, Transcript, canonical_json

DOMAINS = ("airline", "retail")
SCORED_BASIS = frozenset({"DB", "COMMUNICATE"})


@dataclass(frozen=True)
class Tau2(TranscriptScorer):
    """Accepts an episode as tau2's own rules for its airline and retail domains do; tasks of ``tau2:`` entries set it.

    The database must be as after the actions of the reference on a fresh database, and the agent must have written all
    texts that the task lists. Both count in every task, as in the package. The reference's own calls are not asked for.

    Attributes:
        domain: tau2's name of the domain.
    """

    name: ClassVar[str] = "tau2"
    description: ClassVar[str] = (
        "tau2's reward: final database and required statements; set by `tau2:` entries"
    )
    is_slow: ClassVar[bool] = True

    domain: str = "airline"
    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find a sandbox for the reference's actions, before any request is paid for.

        Raises:
            InputError: There is no such domain.
            SetupError: No sandbox works on this machine.
        """
        if self.domain not in DOMAINS:
            raise InputError(f"scorer 'tau2': found domain {self.domain!r}; expected {', '.join(DOMAINS)}")
        object.__setattr__(self, "box", Sandbox.find())

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample is none of tau2's, or None."""
        if isinstance(sample.columns.get("criteria"), Mapping):
            return None
        return "the sample is none of tau2's: it has no column criteria"

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0, and the share of what was asked for that holds: the database, and each text to be said."""
        criteria = sample.columns["criteria"]
        try:
            database_fault = self._find_database_fault(transcript, criteria.get("actions"))
        except ReplayError as exc:
            return make_unscored(shorten(f"the reference's actions could not be run: {exc}", 200))
        faults = [database_fault, *_unsaid(transcript, sample, criteria.get("communicate_info") or ())]
        failed = [fault for fault in faults if fault is not None]
        if transcript.termination != "done":
            failed.insert(0, f"it ended as {transcript.termination}")
        share = sum(fault is None for fault in faults) / len(faults)
        left_out = sorted(set(criteria.get("reward_basis") or ()) - SCORED_BASIS)
        note = f"; not judged: {', '.join(left_out)}" if left_out else ""
        if failed:
            return Score(0.0, "wrong", None, shorten(failed[0], 150) + note, self.box.level, share)
        return Score(
            1.0,
            "correct",
            None,
            f"the database is right, and so are the statements{note}",
            self.box.level,
            1.0,
        )

    def _find_database_fault(
        self, transcript: Transcript, actions: Sequence[Mapping[str, Any]] | None
    ) -> str | None:
        """Return how the database differs from the reference's, or None. A task without a list of actions asks for none."""
        if actions is None:
            return None
        wanted = replay_reference(self.domain, actions, self.box)["changed"]
        found = transcript.final_state["changed"]
        # As texts, because the package's hash is made of one: there 1 and 1.0 differ.
        if canonical_json(found) == canonical_json(wanted):
            return None
        return f"database: {find_difference(found, wanted) or 'a number is of another type'}"


def _unsaid(transcript: Transcript, sample: Sample, texts: Sequence[str]) -> list[str | None]:
    """Return for each text that the agent did not say it, or None. Only replies without calls reach the user."""
    said = "\n".join(reply.text for reply in model_replies(transcript, sample) if not reply.tool_calls)
    said = said.lower().replace(",", "")
    return [None if text.lower() in said else f"the agent did not say {text!r}" for text in texts]
