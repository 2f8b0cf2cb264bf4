"""Turn one result of a batch into a response: the same texts, counts and facts as a stream's, and no times."""

from __future__ import annotations

from dataclasses import replace

from gapbench import credentials, transport
from gapbench.errors import RunnerError
from gapbench.execution.attempts.reply import ReplyAccumulator
from gapbench.values import Failure, Model, Response, Timing, Usage
from gapbench.values.batches import BATCH_TRANSPORT, BatchReply

_NO_TIMES = Timing(None, None, None, None, None, 0.0)


def response_of(model: Model, max_tokens: int | None, reply: BatchReply, tier: str) -> Response:
    """Return the response of one result.

    Args:
        model: The model.
        max_tokens: Output tokens that were asked for. None: no bound.
        reply: The result.
        tier: Service tier of the provider's batches: what the request is charged at, whatever the reply says.
    """
    accumulator = ReplyAccumulator(model, max_tokens)
    failure = reply.failure
    if failure is not None:
        failure = replace(failure, message=credentials.redact(failure.message))
    try:
        for chunk in reply.chunks:
            accumulator.add_chunk(chunk)
    except RunnerError as exc:
        failure = failure or Failure(exc.kind, credentials.redact(str(exc)), reply.http_status)
    record = transport.ExchangeRecord()
    record.transport, record.status = BATCH_TRANSPORT, reply.http_status
    response = accumulator.build_response(record, 0.0, 0.0, failure)
    return replace(response, timing=_NO_TIMES, service_tier=tier)


def failed_response(failure: Failure, tier: str | None) -> Response:
    """Return the response of a request that has no result."""
    return Response("", "", _NO_TIMES, Usage(), service_tier=tier, transport=BATCH_TRANSPORT, failure=failure)
