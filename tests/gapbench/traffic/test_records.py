"""Records are found in any layout of a file, and a record of any shape is read or refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gapbench.traffic.forms import FORMS
from gapbench.traffic.json_values import MAX_VALUE_BYTES, read_lines, split_values


def test_a_line_over_the_bound_is_passed_over_without_being_kept() -> None:
    """Of 41 bytes, with a bound of 10, at most 10 and the next chunk are in memory; the lines after it are read."""
    import io

    long, short = read_lines(io.BytesIO(b"x" * 40 + b"\n{}\n"), max_bytes=10)

    assert ("a line of 41 bytes; the most is 10", 1) == (long.problem, long.line)
    assert (b"{}\n", 2) == (short.data, short.line)
    assert 40 * 2**20 < MAX_VALUE_BYTES


@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.lists(st.dictionaries(st.text(), st.text())), max_size=3),
        max_size=5,
    ),
    st.integers(1, 7),
    st.sampled_from([None, 2]),
)
def test_an_array_is_split_into_its_objects_wherever_it_is_read_in_parts(
    values: list[Any], size: int, indent: int | None
) -> None:
    """Brackets and quotes in texts, escapes at the end of a part, any layout."""
    import io

    class Parts(io.BytesIO):
        def read1(self, _: int | None = -1) -> bytes:
            return super().read1(size)

    spans = list(split_values(Parts(json.dumps(values, indent=indent).encode())))

    assert values == [json.loads(span.data) for span in spans]
    assert [None] * len(values) == [span.problem for span in spans]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "request_id",
    "id",
    "spend",
    "startTime",
    "endTime",
    "model",
    "metadata",
    "messages",
    "response",
    "request",
    "input",
    "output",
    "type",
    "start_time",
    "trace_id",
    "usage_details",
    "usage",
    "choices",
    "content",
    "custom_id",
    "result",
    "body",
    "error",
    "resourceSpans",
    "metrics",
    "span_attributes",
    "created_at",
    "native_tokens_prompt",
    "request_created_at",
    "delay_ms",
    "observations",
    "timestamp",
    "user_id",
    "tags",
    "params",
]


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8))
def test_a_record_of_any_shape_is_read_or_refused_and_never_breaks_the_import(record: dict[str, Any]) -> None:
    """What a form does not expect must be a LineError or an error of the kinds that the import sets aside."""
    from gapbench.traffic.draft import LineError
    from gapbench.traffic.identities import IdentityHasher
    from gapbench.traffic.importer import SHAPE_ERRORS
    from gapbench.traffic.row_builder import RowBuilder

    builder = RowBuilder(IdentityHasher())
    for kind in FORMS:
        form = kind()
        if form.is_text or not form.accepts(record):
            continue
        try:
            for draft in form.read(record):
                row = builder.build(draft, form.name, "f", 1)
                hash(row)
        except (LineError, *SHAPE_ERRORS):
            continue
