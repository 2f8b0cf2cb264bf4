"""Read the results of a batch that has ended: match them by custom id, and make one row of each request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from gapbench.errors import FailureKind, RunnerError
from gapbench.execution.batches.batch_reply import failed_response, response_of
from gapbench.execution.batches.batch_rows import BatchRows
from gapbench.execution.batches.open_requests import OpenRequests
from gapbench.execution.cell_run import CellRun
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.formatting import count_of
from gapbench.runner import BatchClient
from gapbench.store.batch_journal import MAX_UNKNOWN_IDS, BatchAttempt, BatchJournal, BatchRecord
from gapbench.values import Call, Failure, Response
from gapbench.values.batches import Batch

SHOWN_IDS = 3
"""Unknown custom ids that a line for the user lists."""


class BatchCollection:
    """Reads the batches of one model.

    Args:
        run: What the cells of the run have in common.
        session: The open model.
        client: The provider's batch API.
        requests: The model's requests that have no final row.
        journal: The journal of the run's batches.
        stop_signal: An interruption leaves answers whose scoring takes long to the next session.
        notify: Receives one line for the user.
    """

    def __init__(
        self,
        run: CellRun,
        session: ModelSession,
        client: BatchClient,
        requests: OpenRequests,
        journal: BatchJournal,
        stop_signal: StopSignal,
        notify: Callable[[str], None],
    ) -> None:
        self._run = run
        self._session = session
        self._client = client
        self._requests = requests
        self._journal = journal
        self._stop_signal = stop_signal
        self._notify = notify

    async def collect(self, record: BatchRecord, batch: Batch) -> bool:
        """Make the rows of a batch that has ended, and close it; returns False if the provider refused it as a whole.

        A refused batch stays open: the caller decides what becomes of its requests.

        Raises:
            RunnerError: The results cannot be read; the rows made so far stay.
            DiskError: The disk is full or gone.
        """
        rows = self._new_rows(record.created_at or batch.created_at)
        seen: set[str] = set()
        unknown: list[str] = []
        counts = {"duplicates": 0, "missing": 0, "unknown": 0}
        state = batch.state_raw.lower()
        was_cancelled = record.is_cancel_asked or "cancel" in state
        has_expired = "expire" in state

        def call_of(custom_id: str) -> Call | None:
            attempt = record.attempts.get(custom_id)
            return None if attempt is None else self._requests.prepare(attempt)

        try:
            async for reply in self._client.results(batch, call_of):
                attempt = record.attempts.get(reply.custom_id)
                if attempt is None or not self._requests.is_planned(attempt):
                    counts["unknown"] += 1
                    unknown.append(reply.custom_id[:64].encode("utf-8", "replace").decode())
                    del unknown[MAX_UNKNOWN_IDS:]
                    continue
                if reply.custom_id in seen:
                    counts["duplicates"] += 1
                    continue
                seen.add(reply.custom_id)
                max_tokens = self._max_tokens(attempt)
                response = response_of(self._session.model, max_tokens, reply, self._client.tier)
                await self._deliver(rows, attempt, response)
            if batch.problem is not None and not (seen or was_cancelled or has_expired):
                return False
            if was_cancelled:
                # What failed before is not sent again either: the user wants no more of it in this session.
                for attempt in record.attempts.values():
                    self._requests.hold(attempt)
            for custom_id, attempt in record.attempts.items():
                if custom_id not in seen and self._requests.is_planned(attempt):
                    counts["missing"] += 1
                    kind: FailureKind = (
                        "cancelled" if was_cancelled else "timeout" if has_expired else "server"
                    )
                    failure = Failure(
                        kind, f"the batch ended ({batch.state_raw}) without a result for this request"
                    )
                    response = failed_response(failure, self._client.tier)
                    await self._deliver(rows, attempt, response)
        except RunnerError:
            # What was delivered counts as recorded: it must get its score, for the next reading leaves it out.
            if not all(self._requests.is_recorded(one) for one in record.attempts.values()):
                raise
            # Nothing waits for the rest, such as a file of errors that is gone.
        except BaseException:
            rows.cancel()
            raise
        finally:
            if self._stop_signal.reason == "interrupted":
                rows.leave_held()
            await rows.finish()
        if self._stop_signal.reason != "interrupted":
            # Otherwise answers may wait for their scores: the next session reads the batch again, and sends nothing again.
            self._run.recorder.spend_budget.release(record.attempts.values())
            self._journal.note_collected(record, **counts, unknown_ids=unknown)
            self._report(record, batch, counts, unknown)
        return True

    def _new_rows(self, submitted_at: datetime | None) -> BatchRows:
        return BatchRows(self._run, submitted_at or datetime.now(UTC), self._session.runner.simulated)

    def _max_tokens(self, attempt: BatchAttempt) -> int | None:
        cell, planned = self._requests.place(attempt)
        return cell.params_of(planned).max_tokens

    async def _deliver(self, rows: BatchRows, attempt: BatchAttempt, response: Response) -> None:
        if self._requests.is_recorded(attempt):
            return
        failure = response.failure
        if failure is not None and failure.kind == "cancelled":
            # A person ended the batch: the request stays unsent, and is not sent again by itself.
            self._requests.hold(attempt)
            return
        cell, planned = self._requests.place(attempt)
        final, _ = self._session.admission.decide_retry(failure, attempt.attempt)
        call = self._requests.prepare(attempt)
        await rows.deliver(cell, planned, call, response, attempt.attempt, final=final)
        self._requests.note_row(attempt, final=final)

    async def refuse(self, attempt: BatchAttempt, problem: str) -> None:
        """Make the row of an attempt that no batch can hold.

        Raises:
            DiskError: The disk is full or gone.
        """
        rows = self._new_rows(None)
        await self._deliver(rows, attempt, failed_response(Failure("bad_request", problem), None))
        await rows.finish()

    def _report(self, record: BatchRecord, batch: Batch, counts: dict[str, int], unknown: list[str]) -> None:
        words = [
            f"{count_of(counts['missing'], 'request')} without a result" if counts["missing"] else "",
            f"{count_of(counts['duplicates'], 'result')} came twice and counted once"
            if counts["duplicates"]
            else "",
            f"{count_of(counts['unknown'], 'result')} of unknown requests set aside ({', '.join(unknown[:SHOWN_IDS])})"
            if counts["unknown"]
            else "",
        ]
        requests = count_of(len(record.attempts), "request")
        said = "".join(f"; {text}" for text in words if text)
        self._notify(f"batch {batch.batch_id} is read ({batch.state_raw}, {requests}){said}")
