"""`bench traffic`: read a team's own logs into one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import json_option
from gapbench.commands.traffic_sample import sample_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gapbench.analysis.traffic import OpenPrice
    from gapbench.traffic.import_report import ImportReport


@click.group(
    "traffic",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench traffic import litellm.jsonl
  bench traffic import 'logs/*.jsonl.gz' s3://BUCKET/langfuse/ --out traffic.parquet
  bench traffic audit traffic.parquet
  bench traffic sample traffic.parquet -n 400 --out my-suite.yaml""",
)
def traffic_command() -> None:
    """Read the logs of the requests that you send today, and see what they are."""


@traffic_command.command(
    "import",
    epilog="""\b
Examples:
  bench traffic import spend_logs.csv
  bench traffic import langfuse/ --no-text                    no prompt and no reply is stored
  bench traffic import own.jsonl --map own.yaml               columns by name, units by key
  bench traffic import april/ --hash-key-env TRAFFIC_KEY      the same hashes in each import""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("traffic.parquet"),
    show_default=True,
    help="The table to write.",
)
@click.option("--form", metavar="NAME", help="Form of all files.  [default: recognized by their keys]")
@click.option(
    "--map",
    "map_file",
    type=click.Path(path_type=Path),
    metavar="FILE.yaml",
    help="Which of your own columns is what, and in which unit.",
)
@click.option(
    "--time-zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Zone of times without one, such as Europe/Berlin.",
)
@click.option(
    "--hash-key-env",
    metavar="NAME",
    help="Environment variable with the key of the hashes of user and session ids.  [default: a random key]",
)
@click.option("--no-text", is_flag=True, help="Store no word of prompts and replies, in no file.")
@click.option("--force", is_flag=True, help="Overwrite an existing table.")
@json_option
def import_command(
    files: tuple[str, ...],
    out: Path,
    form: str | None,
    map_file: Path | None,
    time_zone: str,
    hash_key_env: str | None,
    *,
    no_text: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Read logs, also by glob, folder or s3:// address and packed with gzip or zstd, into one table.

    Forms: OpenAI, Anthropic, LiteLLM, Langfuse, OpenTelemetry, OpenRouter, Helicone, Braintrust, vLLM, the runs of
    gapbench, and your own columns with --map. Ids of users and sessions are stored as hashes only. Keys are removed from all texts. What
    cannot be read is set aside in a file next to the table.
    """
    from gapbench.errors import InputError
    from gapbench.traffic import ImportOptions, import_traffic
    from gapbench.traffic.forms import FORM_NAMES

    if form is not None and form not in FORM_NAMES:
        raise InputError(f"--form {form!r} is unknown; expected {', '.join(FORM_NAMES)}")
    if form is not None and map_file is not None:
        raise InputError("--form and --map are both given; give one of them")
    options = ImportOptions(form, map_file, time_zone, hash_key_env, keep_texts=not no_text, overwrite=force)
    report = import_traffic(files, out, options)
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    from gapbench.formatting import escape_invisible

    for line in describe_import(report):
        click.echo(escape_invisible(line))


@traffic_command.command(
    "audit",
    epilog="""\b
Examples:
  bench traffic audit traffic.parquet
  bench traffic audit january.parquet february.parquet --md audit.md
  bench traffic audit traffic.parquet --html audit.html --personal-data
  bench traffic audit traffic.parquet --hosted groq/llama-3.3-70b-versatile
  bench traffic audit traffic.parquet --json""",
)
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TABLE...")
@click.option(
    "--md", type=click.Path(path_type=Path, dir_okay=False), help="Also write the audit as Markdown."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write one self-contained page."
)
@click.option(
    "--personal-data",
    is_flag=True,
    help="Count the requests with e-mail addresses, phone numbers, accounts, cards, IPs, national ids or secrets.",
)
@click.option(
    "--hosted",
    "hosted_name",
    metavar="PROVIDER/MODEL",
    help="The open model whose price is compared.  [default: that of `bench tco`]",
)
@json_option
def audit_command(
    tables: tuple[Path, ...],
    md: Path | None,
    html: Path | None,
    hosted_name: str | None,
    *,
    personal_data: bool,
    as_json: bool,
) -> None:
    """Show what you send: volume a month, tokens, dollars, caching, errors and times of traffic TABLES.

    Everything by model, route, day and hour of the day. The dollars that a log reports are compared with list prices.
    It tells how many prompts are near-duplicates, and what better caching would save at most. It ends with what an open
    model could take over, by the shape of the requests alone, and with the commands that check it. Nothing is sent
    anywhere.
    """
    from gapbench.analysis.traffic import audit_traffic, read_requests
    from gapbench.commands.output_file import write_output_file
    from gapbench.report import traffic
    from gapbench.traffic.traffic_table import check_tables

    check_tables(tables, (md, html))
    price = _open_price(hosted_name)
    # No name for the requests here: the audit frees columns of them.
    audit = audit_traffic(
        read_requests(tables, personal_data=personal_data), price, [str(table) for table in tables]
    )
    if md is not None:
        write_output_file(md, traffic.render_markdown(audit))
    if html is not None:
        from gapbench.report.traffic_page import traffic_page

        write_output_file(html, traffic_page(audit))
    from gapbench.report.traffic_takeover import check_commands, check_line

    if as_json:
        words = {"lines": traffic.answer_lines(audit), "commands": check_commands(audit)}
        click.echo(json.dumps({"schema": 1, **words, **audit.to_json()}))
        return
    from rich.console import Console

    from gapbench.report.terminal import render_table

    console = Console()
    for line in traffic.answer_lines(audit):
        console.print(line, highlight=False, markup=False)
    console.print()
    for table in traffic.audit_tables(audit):
        console.print(render_table(table))
        if table.notes:  # A table without notes ends with an empty line itself.
            console.print()
    console.print(check_line(), highlight=False, markup=False)
    for command in check_commands(audit):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)


def _open_price(name: str | None) -> OpenPrice | None:
    """Return the list price of an open model: of the one that is named, else of the one that `bench tco` takes.

    Raises:
        InputError: The name is not PROVIDER/MODEL, or has no price.
    """
    from datetime import UTC, datetime

    from gapbench.analysis.economics.api_leg import DEFAULT_WEIGHTS, leg_price
    from gapbench.analysis.traffic import OpenPrice
    from gapbench.errors import InputError
    from gapbench.suite.tco_fields import LegDocument

    document = None
    if name is not None:
        provider, slash, model = name.partition("/")
        if not (provider and slash and model):
            raise InputError(
                f"found --hosted {name!r}; write PROVIDER/MODEL, such as groq/llama-3.3-70b-versatile"
            )
        document = LegDocument(provider=provider, model=model)
    why: list[str] = []
    quote, label = leg_price("hosted", document, DEFAULT_WEIGHTS, datetime.now(UTC).date(), why)
    if quote is None and name is not None:
        raise InputError(f"--hosted {name}: {why[0].removeprefix('hosted: ')}")
    return None if quote is None else OpenPrice(quote, label)


traffic_command.add_command(sample_command)


def describe_import(report: ImportReport) -> Iterator[str]:
    """Yield the lines that tell what an import found: the table first, then everything that is not as usual."""
    from gapbench.formatting import count_of

    by_form = ", ".join(f"{name} {count:,}" for name, count in sorted(report.files.items()))
    yield f"{report.table}: {count_of(report.rows, 'request')} from {count_of(sum(report.files.values()), 'file')} ({by_form})"
    yield from _describe_times(report)
    if report.identical:
        yield f"  repeated     {count_of(report.identical, 'record')} repeated exactly; each was kept once"
    if report.conflicting:
        yield f"  same id      {count_of(report.conflicting, 'request')} with the id of another and other content; all were kept:"
        yield from (f"    {place}" for place in report.first_conflicts)
    for column, problem, count, first in report.value_problems:
        yield f"  left out     {column} of {count_of(count, 'request')}: {problem}; first {first}"
    if report.rebuilt:
        yield f"  chains       earlier turns were added to {count_of(report.rebuilt, 'prompt')}, by `previous_response_id`"
    for reason, count, first in report.not_whole:
        yield f"  not whole    prompts that {reason}: {count:,}; no sample has them; first {first}"
    if report.secrets:
        yield f"  secrets      {count_of(report.secrets, 'secret')} removed from texts; the log still has them"
    yield from (f"  note         {note}" for note in report.notes)
    if report.set_aside:
        yield f"  set aside    {count_of(report.set_aside, 'record')} in {report.set_aside_file}:"
        yield from (f"    {line}" for line in report.first_set_aside)
        more = report.set_aside - len(report.first_set_aside)
        if more > 0:
            yield f"    and {more:,} more"
    if not report.has_own_key:
        yield "  hashes       with a random key; give --hash-key-env to join several imports by user or session"


def _describe_times(report: ImportReport) -> Iterator[str]:
    """Yield what there was to read, and when it was sent."""
    from gapbench.formatting import count_of
    from gapbench.traffic.import_report import format_time

    if report.empty_files:
        have = "file has" if len(report.empty_files) == 1 else "files have"
        yield f"  empty        {len(report.empty_files):,} {have} no record; first {report.empty_files[0]}"
    if report.first_time is not None:
        first, last = (str(format_time(time))[:19] for time in (report.first_time, report.last_time))
        yield f"  time         {first} to {last} UTC"
    if report.naive_times:
        names = "time names" if report.naive_times == 1 else "times name"
        was = "was" if report.naive_times == 1 else "were"
        yield f"  no zone      {report.naive_times:,} {names} no zone and {was} read as {report.zone} (--time-zone)"
    if report.without_time:
        yield f"  no time      {count_of(report.without_time, 'request')} without a time"
    if report.out_of_order:
        yield f"  order        {count_of(report.out_of_order, 'request')} earlier than the one before; the table keeps the files' order"
    if report.other_records:
        yield f"  not requests {count_of(report.other_records, 'record')} such as spans, traces or other lines"
