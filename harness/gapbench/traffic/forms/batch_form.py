"""Forms of log that may hold the lines of batches: what a vendor was asked in one file, its replies in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from gapbench.traffic.draft import Draft, LineError
from gapbench.traffic.forms.batch_lines import BatchLines
from gapbench.traffic.forms.exchange import MESSAGES, find_bodies, is_anthropic_exchange, read_exchange
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.logged_reply import refuse_event
from gapbench.traffic.items import read_items


class BatchForm(Form):
    """A vendor's form: logged requests and replies, and lines of batches, which have a ``custom_id``.

    Attributes:
        protocol: What its requests and replies are of, for messages.
        body_key: Key of the request in the input line of a batch.
        exchange: What every request of the vendor has in the table.
    """

    protocol: ClassVar[str]
    body_key: ClassVar[str]
    exchange: ClassVar[Draft] = {}

    def __init__(self) -> None:
        self.batches = BatchLines()

    def is_needed_first(self, item: Any) -> bool:
        """The input lines of a batch hold the prompts."""
        return isinstance(item, dict) and "custom_id" in item and self.body_key in item

    def open_file(self, path: Path, shown: str) -> None:
        """Find out which input file it belongs to, where its ids alone do not tell."""
        self.batches.file = shown
        self.batches.pair_file(self._reply_ids(path, shown) if self.batches.has_reused_ids else None)

    def _reply_ids(self, path: Path, shown: str) -> Iterator[str]:
        for item in read_items(path, shown):
            value = item.value
            if (
                isinstance(value, dict)
                and "custom_id" in value
                and not isinstance(value.get(self.body_key), dict)
            ):
                yield str(value["custom_id"])

    def set_line(self, line: int) -> None:
        """See :class:`Form`."""
        self.batches.line = line

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """One record is one request."""
        if "custom_id" in item:
            custom_id = str(item["custom_id"])
            if isinstance(item.get(self.body_key), dict):
                self.batches.add_request(custom_id, item[self.body_key], self.read_endpoint(item))
                return ()
            draft = self.read_batch_reply(item)
            self.batches.add_reply(custom_id, draft)
            return (draft,)
        refuse_event(item)
        request, response = find_bodies(item)
        if request is None and response is None:
            raise LineError(f"holds neither a request nor a reply of {self.protocol}")
        # A file may have requests of both vendors.
        is_anthropic = is_anthropic_exchange(request, response)
        vendor = self.exchange if is_anthropic is None else MESSAGES if is_anthropic else {}
        draft = read_exchange(item, request, response, vendor.get("provider"))
        if vendor:
            draft["endpoint"] = vendor["endpoint"]
        return (draft,)

    def read_endpoint(self, item: dict[str, Any]) -> str | None:  # noqa: ARG002 - most vendors have one
        """Return the endpoint that the input line of a batch names. None: it names none."""
        return None

    def read_batch_reply(self, item: dict[str, Any]) -> Draft:
        """Return what the output line of a batch says.

        Raises:
            LineError: Nothing can be made of it.
        """
        raise NotImplementedError

    def finish(self) -> Iterable[tuple[Draft, str, int]]:
        """Requests of batches without a reply."""
        for draft, file, line in self.batches.take_unanswered():
            yield {**draft, **self.exchange}, file, line

    def notes(self) -> Iterable[str]:
        """What could not be joined."""
        return self.batches.notes()
