"""Rebuild episodes from their rows, so that an answer without a score is scored without asking the model again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from gapbench.execution.attempts.stored_calls import tool_calls_from_json
from gapbench.store import read_attempts, read_payload, read_trajectories
from gapbench.store.json_records import records
from gapbench.store.pending_scores import PendingAnswer
from gapbench.values import (
    ATTEMPT_KEY,
    Message,
    Part,
    Sample,
    StepRecord,
    Termination,
    Text,
    ToolResult,
    Transcript,
    remove_salt,
)
from gapbench.values.json_patch import apply_patch
from gapbench.values.stored_messages import messages_from_json
from gapbench.values.tool_calls import text_before_calls

_TEXTS = ("messages", "reply", "error", "calls", "state_changes")


@dataclass(frozen=True, slots=True)
class _StoredTurn:
    """One attempt at a turn.

    Attributes:
        number: Which reply of the episode, from 0.
        attempt: Number of the attempt.
        texts: The columns :data:`_TEXTS` of its payload.
    """

    number: int
    attempt: int
    texts: Mapping[str, Any]


@dataclass(frozen=True)
class StoredEpisodes:
    """The turns of a run's episodes, and how each ended.

    Attributes:
        folder: The run folder, for the media of prompts.
        turns: By trajectory_id.
        ends: By trajectory_id, termination and reason.
    """

    folder: Path
    turns: Mapping[str, Sequence[_StoredTurn]]
    ends: Mapping[str, tuple[Termination, str]]

    @classmethod
    def read(cls, folder: Path, pending: Iterable[PendingAnswer] = (), samples: Collection[str] = ()) -> Self:
        """Read the episodes that some rows ended.

        Args:
            folder: The run folder.
            pending: Last attempts that wait for their score; what came before them is in the folder.
            samples: Samples whose episodes are read besides.
        """
        waiting = [answer for answer in pending if answer.attempt.trajectory_id is not None]
        wanted = {*samples, *(answer.attempt.sample_id for answer in waiting)}
        turns: dict[str, list[_StoredTurn]] = {}
        ends: dict[str, tuple[Termination, str]] = {}
        if wanted:
            for row in _read_turns(folder, wanted):
                stored = _StoredTurn(int(row["turn"]), int(row["attempt"]), row)
                turns.setdefault(row["trajectory_id"], []).append(stored)
            columns = ["sample_id", "trajectory_id", "termination", "reason"]
            ended = read_trajectories([folder], columns, wanted)
            ends |= {row["trajectory_id"]: (row["termination"], row["reason"]) for row in records(ended)}
        for attempt, payload, trajectory in waiting:
            assert attempt.trajectory_id is not None
            texts = {name: getattr(payload, name) for name in _TEXTS}
            stored = _StoredTurn(attempt.turn or 0, attempt.attempt, texts)
            turns.setdefault(attempt.trajectory_id, []).append(stored)
            if trajectory is not None:
                ends[attempt.trajectory_id] = (trajectory.termination, trajectory.reason)
        return cls(folder, turns, ends)

    def transcript(self, answer: PendingAnswer, sample: Sample) -> Transcript:
        """Return the transcript of an answer that waits for its score."""
        return self.transcript_of(
            answer.attempt.trajectory_id, answer.payload.reply, answer.payload.calls, sample
        )

    def transcript_of(
        self, trajectory_id: str | None, reply: str, tool_calls: str | None, sample: Sample
    ) -> Transcript:
        """Return an episode as its scorer saw it; of a single reply, the prompt and the reply.

        Args:
            trajectory_id: The episode. None: a single reply.
            reply: The answer channel, as stored.
            tool_calls: The reply's tool calls, as stored.
            sample: The sample; its state is the one at the start.
        """
        if trajectory_id is None:
            return single_reply_transcript(sample, _reply_message(reply, tool_calls)[0])
        steps: list[StepRecord] = []
        initial = state = None if sample.episode is None else sample.episode.state
        for number, texts in enumerate(self._texts(trajectory_id)):
            steps += tool_calls_from_json(texts["calls"], number)[1]
            if texts["state_changes"] is not None:
                state = apply_patch(state, orjson.loads(texts["state_changes"]))
        prompt, later = self.conversation(trajectory_id)
        termination, reason = self.ends.get(trajectory_id, ("done", ""))
        return Transcript((*prompt, *later), tuple(steps), initial, state, termination, reason)

    def conversation(self, trajectory_id: str) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """Return an episode's first prompt, and everything after it."""
        first, *others = texts = self._texts(trajectory_id)
        prompt = remove_salt(self._messages_of(first))
        later = [message for turn in others for message in self._messages_of(turn)]
        if texts[-1]["error"] is None:
            message, results = _reply_message(texts[-1]["reply"], texts[-1]["calls"])
            later += [message, *results]
        return prompt, tuple(later)

    def _texts(self, trajectory_id: str) -> list[Mapping[str, Any]]:
        """Return the texts of each turn, of the last attempt at it."""
        turns = sorted(self.turns[trajectory_id], key=lambda turn: turn.attempt)
        newest = {turn.number: turn.texts for turn in turns}
        return [newest[number] for number in sorted(newest)]

    def _messages_of(self, texts: Mapping[str, Any]) -> tuple[Message, ...]:
        return messages_from_json(orjson.loads(texts["messages"]), self._read_medium)

    def _read_medium(self, digest: str) -> bytes | None:
        path = self.folder / "media" / digest
        return path.read_bytes() if path.is_file() else None


def single_reply_transcript(sample: Sample, reply: Message) -> Transcript:
    """Return a single reply as an episode of one turn whose tools did not run."""
    state = None if sample.episode is None else sample.episode.state
    return Transcript((*sample.messages, reply), (), state, state, "done")


def last_text(transcript: Transcript, sample: Sample) -> str:
    """Return the text of the model's last reply; "" if it gave none."""
    replies = [
        message for message in transcript.messages[len(sample.messages) :] if message.role == "assistant"
    ]
    return replies[-1].text if replies else ""


def _read_turns(folder: Path, sample_ids: Collection[str]) -> list[dict[str, Any]]:
    key = list(ATTEMPT_KEY)
    rows = read_attempts([folder], [*key, "trajectory_id", "turn"], sample_ids=sample_ids)
    rows = rows[rows["trajectory_id"].notna()]
    plain = {"run_id": str, "cell_id": str}
    texts = read_payload([folder], [*key, *_TEXTS], sample_ids).astype(plain)
    return records(rows.astype(plain).merge(texts, on=key))


def _reply_message(reply: str, tool_calls: str | None) -> tuple[Message, tuple[Message, ...]]:
    """Return a stored reply as a message, and the results of its calls that ran."""
    calls, answered = tool_calls_from_json(tool_calls, 0)
    text = text_before_calls(reply, calls)
    parts: tuple[Part, ...] = (Text(text), *calls) if text else calls
    results = tuple(ToolResult(step.call_id, step.name, step.content, step.is_error) for step in answered)
    return Message("assistant", parts), (Message("tool", results),) if results else ()
