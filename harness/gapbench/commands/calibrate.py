"""`bench calibrate`: measure how accurate this machine's timings are at rising load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import Finite, json_option

if TYPE_CHECKING:
    from gapbench.execution.calibration import Calibration, CalibrationLevel

_SHORT = {"first_token": "first token", "inter_chunk": "between chunks", "end_to_end": "end to end"}


@click.command(
    "calibrate",
    epilog="""\b
Examples:
  bench calibrate
  bench calibrate --levels 100,400,1000 --duration 10
  bench calibrate --workers 2 --json > calibration.json""",
)
@click.option(
    "--levels",
    default="10,50,100,200,400",
    show_default=True,
    metavar="N,N",
    help="Numbers of concurrent streams to try, in rising order.",
)
@click.option(
    "--duration",
    "duration_s",
    type=Finite(min=2),
    default=6.0,
    show_default=True,
    metavar="SECONDS",
    help="Duration of each level; its first second is discarded.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Number of sending processes.  [default: as for a run]"
)
@json_option
def calibrate_command(levels: str, duration_s: float, workers: int | None, *, as_json: bool) -> None:
    """Compare this machine's timings with those of a simulated server that records when it sent each chunk.

    Prints the error of each metric at rising load, and the highest load at which every metric is within 2 %.
    """
    from gapbench.errors import InputError

    try:
        streams = [int(part) for part in levels.split(",")]
    except ValueError as exc:
        raise InputError(f"--levels: found {levels!r}; expected whole numbers such as 10,100,400") from exc
    if streams != sorted(set(streams)) or streams[0] < 1:
        raise InputError(f"--levels: found {levels!r}; expected rising numbers of at least 1")
    if not as_json:
        click.echo(TABLE_HEADER)
    calibration = run_calibration(
        streams, duration_s, workers, lambda level: None if as_json else click.echo(format_level(level))
    )
    if as_json:
        click.echo(json.dumps(calibration.to_json()))
    else:
        click.echo(describe_trusted_load(calibration))


def run_calibration(
    streams: list[int], duration_s: float, workers: int | None, report_level: Any
) -> Calibration:
    """Calibrate on the event loop that a run uses.

    Args:
        streams: Numbers of concurrent streams, in rising order.
        duration_s: Duration of each level in seconds.
        workers: Number of sending processes. None: as for a run.
        report_level: Called with each level when it is done.
    """
    from gapbench.execution.calibration import calibrate
    from gapbench.execution.event_loop import run_on_event_loop

    calibration: Calibration = run_on_event_loop(
        calibrate(streams, duration_s=duration_s, workers=workers, on_level=report_level)
    )
    return calibration


TABLE_HEADER = (
    "                                 error at p50 / p99, in percent of the truth\n"
    "streams  req/s  workers  cores  first token       between chunks    end to end        server late"
)


def format_level(level: CalibrationLevel) -> str:
    """Return one level as a row of the table."""
    shown = "  ".join(f"{f'{error.p50 * 100:+.2f} / {error.p99 * 100:+.2f}':<16}" for error in level.errors)
    return (
        f"{level.streams:>7}  {level.rate_rps:>5.0f}  {level.workers:>7}  {level.cpu_cores:>5.2f}  {shown}  "
        f"{level.server_late * 100:>9.1f} %"
    )


def describe_trusted_load(calibration: Calibration) -> str:
    """Return a sentence that states up to which load this machine's timings can be trusted."""
    last = calibration.levels[-1]
    trusted = calibration.trusted_streams
    if last.is_trusted:
        return f"Every figure is within 2 % of the truth up to {trusted} streams, the highest level tried."
    worst = max(last.errors, key=lambda error: max(abs(error.p50), abs(error.p99)))
    why = (
        f"at {last.streams} streams the figure {_SHORT[worst.figure]!r} is {last.worst_error * 100:.1f} % off"
    )
    if calibration.is_bound_by_server:
        why += ", where the simulated server itself was late, so it may be the server's limit and not this client's"
    if trusted is None:
        return f"No level can be trusted to 2 %: {why}."
    return f"Figures can be trusted to 2 % up to {trusted} streams; {why}."
