"""Read logs of any known form into one traffic table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from gapbench.atomic_write import replace_atomically
from gapbench.errors import DocumentError, InputError, ResultsError
from gapbench.formatting import count_of
from gapbench.store.table_file import TableWriter
from gapbench.traffic.draft import Draft, LineError
from gapbench.traffic.earlier_turns import add_earlier_turns
from gapbench.traffic.forms import FORM_NAMES, form_named, form_of, unwrap
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.mapped import MappedForm, read_mapping
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.import_report import ImportReport
from gapbench.traffic.items import Item, may_lack_its_end, read_items
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION, TrafficRecord
from gapbench.traffic.response_chains import LACK_TEXTS, ResponseChains
from gapbench.traffic.row_builder import Row, RowBuilder
from gapbench.traffic.secrets import start_of
from gapbench.traffic.set_aside import ASIDE_SUFFIX, MAX_SHOWN, SetAside
from gapbench.traffic.sources import Source, open_sources, same_place
from gapbench.traffic.times import find_zone

SAMPLED_RECORDS = 50
"""Of each file, to recognize its form."""
_SAMPLED_LINES = 2_000
"""Of a text log, where most lines are about something else."""
SHAPE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a record of another shape than documented may cause; it is set aside."""
_REQUEST_ID = 1
_COLUMNS = tuple(field.name for field in fields(TrafficRecord))
_PLACE_START = _COLUMNS.index("form")
"""From here on a row says where it is from, and not what it is."""
_LACKS = _COLUMNS.index("prompt_lacks")

_TOTALS = (
    "num_model_requests",
    "n_requests",
    "num_requests",
    "n_context_tokens_total",
    "uncached_input_tokens",
)
"""Columns of what vendors export of a whole day: OpenAI's usage page and its API, Anthropic's usage report."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How logs are read.

    Attributes:
        form: Name of the form. None: each file's is recognized.
        map_file: YAML file with the columns of a log of your own. None: no such log.
        time_zone: Zone of times without one.
        hash_key_env: Variable with the key of the hashes. None: a random key.
        keep_texts: Whether prompts and replies are stored.
        overwrite: Whether an existing table is replaced.
    """

    form: str | None = None
    map_file: Path | None = None
    time_zone: str = "UTC"
    hash_key_env: str | None = None
    keep_texts: bool = True
    overwrite: bool = False


def import_traffic(given: Sequence[str], table: Path, options: ImportOptions) -> ImportReport:
    """Read logs into a table. What cannot be read is set aside in ``TABLE.set-aside.jsonl``.

    Args:
        given: Files, globs, folders and addresses.
        table: The Parquet file to write; after an error it is as it was.
        options: How they are read.

    Raises:
        InputError: A file is missing or of no known form, nothing in it can be read, or an option is wrong.
        ResultsError: The table exists or cannot be written.
    """
    if table.exists() and not options.overwrite:
        raise ResultsError(
            f"{table} already exists; choose another name with --out, or overwrite it with --force"
        )
    mapped = read_mapping(options.map_file) if options.map_file is not None else None
    zone = find_zone(options.time_zone)
    hasher = IdentityHasher(options.hash_key_env)
    builder = RowBuilder(hasher, zone, keep_texts=options.keep_texts)
    aside = SetAside(
        table.with_name(f"{table.name.removesuffix('.parquet')}{ASIDE_SUFFIX}"),
        keep_texts=options.keep_texts,
    )
    report = ImportReport(str(table), zone=options.time_zone, key_id=hasher.key_id)
    report.has_own_key = options.hash_key_env is not None
    metadata = {"traffic_schema": str(TRAFFIC_SCHEMA_VERSION), "hash_key_id": hasher.key_id}
    with open_sources(given) as found_sources:
        # A table of an earlier import may lie among the logs.
        sources = [source for source in found_sources if not same_place(source.path, table)]
        if not sources:
            raise InputError(f"{table} is the table to write; name the logs to read")
        plan = _plan(sources, options, mapped, report)
        try:
            table.parent.mkdir(parents=True, exist_ok=True)
            with replace_atomically(table) as file:
                chains = ResponseChains()
                with TableWriter(file, TrafficRecord, metadata) as writer:
                    _Import(plan, builder, writer, aside, report, chains, keep_texts=options.keep_texts).run()
                    _finish_report(report, builder, aside)
                    if not report.rows:
                        raise InputError(_describe_nothing(sources, report))
                    writer.close({"rows": str(report.rows), "zone": options.time_zone})
                if chains.links:
                    found = add_earlier_turns(file, chains, hasher, keep_texts=options.keep_texts)
                    report.rebuilt = found.rebuilt
                    report.not_whole = found.gaps + report.not_whole
            aside.keep()
        except OSError as exc:
            raise ResultsError(f"cannot write {table}: {exc.strerror or exc}; choose another place") from exc
        finally:
            aside.discard()
    return report


def recognize_file(path: Path, shown: str) -> type[Form] | None:
    """Return the form of a file by its first records. None: it is of no known form.

    Raises:
        DocumentError: It cannot be read.
    """
    return form_of(_sample(Source(path, shown)).records)


class _Sample(NamedTuple):
    """The first records of a file that can be read, and why the first of the others cannot."""

    records: list[Any]
    problem: str | None

    @property
    def is_empty(self) -> bool:
        """Whether the file has no record at all, not even a broken one."""
        return not self.records and self.problem is None


def _sample(source: Source) -> _Sample:
    found: list[Any] = []
    problem: str | None = None
    for item in islice(_records(source), _SAMPLED_LINES):
        if item.value is not None:
            found.append(item.value)
        elif problem is None:
            problem = f"line {item.line}: {item.problem}" if item.line else item.problem
        if len(found) >= SAMPLED_RECORDS and not isinstance(item.value, str):
            break
    return _Sample(found, problem)


def _plan(
    sources: Sequence[Source], options: ImportOptions, mapped: MappedForm | None, report: ImportReport
) -> list[tuple[Source, Form]]:
    """Return each file with its form, in the order of reading: files that others need come first."""
    forms: dict[type[Form], Form] = {}
    plan: list[tuple[bool, Source, Form]] = []
    for source in sources:
        sample, problem = read = _sample(source)
        if read.is_empty:
            report.empty_files.append(source.shown)
            continue
        if mapped is not None:
            form: Form = mapped
        elif options.form is not None:
            kind = form_named(options.form)
            form = forms.setdefault(kind, kind())
        else:
            found = form_of(sample)
            if found is None:
                raise DocumentError(_describe_unknown(sample, problem, options.keep_texts), file=source.shown)
            form = forms.setdefault(found, found())
        records = [item for item in sample if form.accepts(item)]
        if not records:
            raise DocumentError(_describe_mismatch(form, sample), file=source.shown)
        plan.append((not form.is_needed_first(records[0]), source, form))
    if not plan:
        raise DocumentError(_describe_unknown((), None, options.keep_texts), file=sources[0].shown)
    plan.sort(key=lambda entry: entry[0])
    return [(source, form) for _, source, form in plan]


def _describe_unknown(sample: Sequence[Any], problem: str | None, keep_texts: bool) -> str:
    if not sample:
        why = "" if problem is None else f"; the first problem: {problem}"
        return f"holds no record that can be read{why}; is it a log of requests, as JSON, CSV, Parquet or vLLM's text?"
    first = next((item for item in sample if isinstance(item, dict)), None)
    total = next((name for name in _TOTALS if first and name in first), None)
    if total is not None:
        return (
            f"has totals of many requests ({total}), and no single request; import the log of a gateway or of your "
            "application, or record requests with `bench record`"
        )
    seen = (
        f"its keys are {', '.join(start_of(key, 80) for key in list(first)[:8])}"
        if first
        else f"it starts with {start_of(sample[0], 40)!r}"
        if keep_texts
        else "it is text"
    )
    return (
        f"is of no known form; {seen}. Known: {', '.join(FORM_NAMES)}. "
        "Name one with --form, or the columns with --map FILE.yaml"
    )


def _describe_mismatch(form: Form, sample: Sequence[Any]) -> str:
    if not sample:
        return f"holds no record that can be read as {form.name}"
    found = form_of(sample)
    other = f"; it looks like {found.name}" if found is not None else ""
    return f"holds nothing of the form {form.name}{other}; check --form and --map"


def _describe_nothing(sources: Sequence[Source], report: ImportReport) -> str:
    names = sources[0].shown if len(sources) == 1 else count_of(len(sources), "file")
    if report.first_set_aside:
        return f"{names}: nothing can be read; the first problem: {report.first_set_aside[0]}"
    if report.other_records:
        return (
            f"{names}: none of {count_of(report.other_records, 'record')} is a request for a model's reply; "
            "export the model calls too (of Langfuse the observations, of Braintrust the spans of type llm)"
        )
    return f"{names}: there are no requests in it"


class _Import:
    """One pass over the files."""

    def __init__(
        self,
        plan: Sequence[tuple[Source, Form]],
        builder: RowBuilder,
        writer: TableWriter,
        aside: SetAside,
        report: ImportReport,
        chains: ResponseChains,
        *,
        keep_texts: bool,
    ) -> None:
        self._chains = chains
        self._keep_texts = keep_texts
        self._plan = plan
        self._builder = builder
        self._writer = writer
        self._aside = aside
        self._report = report
        self._seen: dict[int, int | set[int]] = {}
        self._last_time: int | None = None
        self._lacks: Counter[str] = Counter()
        self._first_lacks: dict[str, str] = {}

    def run(self) -> None:
        report = self._report
        for source, form in self._plan:
            report.files[form.name] = report.files.get(form.name, 0) + 1
            before, aside_before, others_before = report.rows, self._aside.count, report.other_records
            self._last_time = None
            form.open_file(source.path, source.shown)
            if may_lack_its_end(source.path):
                report.notes.append(
                    f"{source.shown} ends without a line end: if it was cut, its last row may be wrong"
                )
            for item in _records(source):
                if item.problem is not None:
                    self._aside.add(source.shown, item.line, item.problem, item.raw)
                    continue
                form.set_line(item.line)
                self._read(form, source.shown, item)
            if (
                report.rows == before
                and self._aside.count > aside_before
                and report.other_records == others_before
            ):
                problem = self._aside.first[0] if aside_before == 0 else "see the records that were set aside"
                raise InputError(f"{source.shown}: nothing can be read; the first problem: {problem}")
        for form in dict.fromkeys(form for _, form in self._plan):
            for draft, file, line in form.finish():
                self._build(form, draft, file, line, b"")
            report.notes += form.notes()
        report.not_whole = [
            (LACK_TEXTS.get(lacks, f"lack {lacks}"), count, self._first_lacks[lacks])
            for lacks, count in self._lacks.most_common()
        ]

    def _read(self, form: Form, shown: str, item: Item) -> None:
        """Add the requests of a record; of several in one, such as the spans of an export, a bad one loses no other."""
        try:
            drafts = list(form.read(item.value)) if not form.is_text or isinstance(item.value, str) else []
        except LineError as exc:
            self._aside.add(shown, item.line, str(exc), item.raw)
            return
        except SHAPE_ERRORS as exc:
            self._aside.add(shown, item.line, self._describe_shape(exc), item.raw)
            return
        if not drafts:
            self._report.other_records += 1
        for draft in drafts:
            self._build(form, draft, shown, item.line, item.raw)

    def _build(self, form: Form, draft: Draft, file: str, line: int, raw: bytes) -> None:
        try:
            row = self._builder.build(draft, form.name, file, line)
        except LineError as exc:
            self._aside.add(file, line, str(exc), raw)
        except SHAPE_ERRORS as exc:
            self._aside.add(file, line, self._describe_shape(exc), raw)
        else:
            self._add(draft, row, file, line)

    def _add(self, draft: Draft, row: Row, file: str, line: int) -> None:
        report = self._report
        request_id = row[_REQUEST_ID]
        if request_id is not None:
            key = (request_id, file) if draft.get("has_local_id") else request_id
            if self._is_repeated(key, row, f"{file}:{line}"):
                return
        time_us = row[0]
        if time_us is None:
            report.without_time += 1
        else:
            if report.first_time is None or time_us < report.first_time:
                report.first_time = time_us
            if report.last_time is None or time_us > report.last_time:
                report.last_time = time_us
            if self._last_time is not None and time_us < self._last_time:
                report.out_of_order += 1
            self._last_time = time_us
        if row[_LACKS] is not None:
            self._lacks[row[_LACKS]] += 1
            self._first_lacks.setdefault(row[_LACKS], f"{file}:{line}")
        self._chains.add(report.rows, draft)
        self._writer.append(row)
        report.rows += 1

    def _is_repeated(self, request_id: Hashable, row: Row, place: str) -> bool:
        """Return whether a request was read before exactly as it is; count what has its id and differs from all before."""
        # Python's hashes are of 64 bits: among a million ids the chance of a false match is 1 in 10 million.
        key, content = hash(request_id), hash(row[:_PLACE_START])
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = content
            return False
        if known == content or (isinstance(known, set) and content in known):
            self._report.identical += 1
            return True
        if isinstance(known, set):
            known.add(content)
        else:
            self._seen[key] = {known, content}
        self._report.conflicting += 1
        if len(self._report.first_conflicts) < MAX_SHOWN:
            self._report.first_conflicts.append(place)
        return False

    def _describe_shape(self, error: Exception) -> str:
        said = f": {str(error)[:120]}" if self._keep_texts else ""  # it may quote the record
        return f"has another shape than documented: {type(error).__name__}{said}"


def _records(source: Source) -> Iterator[Item]:
    """Yield the records of a file, those of a list one by one."""
    for item in read_items(source.path, source.shown):
        inner = unwrap(item.value)
        if inner is None:
            yield item
        else:
            yield from (Item(item.line, one, b"") for one in inner)


def _finish_report(report: ImportReport, builder: RowBuilder, aside: SetAside) -> None:
    report.set_aside = aside.count
    report.set_aside_file = str(aside.path) if aside.count else None
    report.first_set_aside = aside.first
    report.naive_times = builder.naive_times
    report.secrets = builder.secrets
    report.notes += builder.odd_counts.notes()
    report.value_problems = [
        (column, problem, count, builder.first_places[column, problem])
        for (column, problem), count in builder.problems.most_common()
    ]
