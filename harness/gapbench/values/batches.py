"""The values that a provider's batch API takes and returns: requests that are answered within a day, at a lower price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gapbench.values.requests import Call, Chunk, Failure

BATCH_TRANSPORT = "batch"
"""What a row of a batch says of how its reply arrived."""
BatchState = Literal["waiting", "running", "ended"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most that one batch of a provider holds.

    Attributes:
        requests: Most requests.
        bytes: Most bytes of all requests, as they are uploaded.
        one_model: Whether all requests of a batch must name one model.
    """

    requests: int
    bytes: int
    one_model: bool = True


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a batch.

    Attributes:
        custom_id: Our name of it, unique in the batch; 1 to 32 of ``A-Z a-z 0-9 _ -``. Results are matched by it.
        call: What ``runner.prepare`` returned.
    """

    custom_id: str
    call: Call


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the provider describes it.

    Attributes:
        batch_id: The provider's id.
        state: ``waiting`` until the provider works on it, ``running``, or ``ended``: it will not change any more. Only
            then can its results be read, if there are any.
        state_raw: The provider's own word, such as ``expired``.
        label: Our label, as given to :meth:`gapbench.runner.BatchClient.create`. None: it is not one of ours, or the
            provider does not tell yet.
        created_at: When the provider accepted it. None: it does not say.
        expires_at: When the provider gives up what is not answered by then. None: it does not say.
        total: Requests in it. None: the provider does not say.
        succeeded: Requests answered so far. None: the provider does not say.
        failed: Requests that failed so far, were cancelled or expired. None: the provider does not say.
        problem: Why the whole batch was refused, in one line. None: it was not.
        has_results: False: it was answered, and the provider does not have its results, or names none.
        raw: What else the provider says that :meth:`gapbench.runner.BatchClient.results` needs, such as names of files.
    """

    batch_id: str
    state: BatchState
    state_raw: str
    label: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    total: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    problem: str | None = None
    raw: Mapping[str, str] = field(default_factory=dict)
    has_results: bool = True


@dataclass(frozen=True, slots=True)
class BatchReply:
    """The result of one request of a batch.

    Attributes:
        custom_id: Our name of the request, as it came back.
        chunks: The reply as a runner's stream would yield it, without instants; () if there is none.
        failure: Why there is no reply. None: the reply is complete.
        http_status: Status of this request. None: the provider does not say.
    """

    custom_id: str
    chunks: tuple[Chunk, ...] = ()
    failure: Failure | None = None
    http_status: int | None = None
