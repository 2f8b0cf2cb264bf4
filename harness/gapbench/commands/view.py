"""`bench view`: a local web app over all runs, or a static copy of it."""

from __future__ import annotations

from pathlib import Path

import click

PORT = 8420
"""Default port of the app."""


@click.command(
    "view",
    epilog="""\b
Examples:
  bench view                            the runs in results/
  bench view results/RUN nightly        one run, and all runs of another folder
  bench view s3://bucket/results
  bench view results --export site      a folder that opens from disk, without a server""",
)
@click.argument("results", nargs=-1, metavar="[RESULTS]...")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="Port on loopback; 0 picks a free one.",
)
@click.option("--no-browser", is_flag=True, help="Print the address and do not open a browser.")
@click.option(
    "--export",
    "export_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the app with its data to this new folder and exit.",
)
@click.option(
    "--export-samples",
    type=click.IntRange(min=0),
    default=2_000,
    show_default=True,
    help="With --export: samples of each run to include, texts and images with them.",
)
def view_command(
    results: tuple[str, ...], *, port: int, no_browser: bool, export_folder: Path | None, export_samples: int
) -> None:
    """List, compare, search and annotate runs in a browser.

    RESULTS are results folders, run folders or s3://BUCKET/PREFIX.  [default: results]

    The app listens on this machine only, and its address contains a new random token at each start. It loads nothing from
    the network. Runs are only read; notes are kept in notes.jsonl in the run's folder.
    """
    from gapbench.errors import SetupError

    try:
        import duckdb as _duckdb  # noqa: F401 - only whether it is installed
        import platformdirs as _platformdirs  # noqa: F401
        import starlette as _starlette  # noqa: F401
        import uvicorn as _uvicorn  # noqa: F401
    except ModuleNotFoundError as exc:
        raise SetupError(
            f"`bench view` needs the package {exc.name}; install it with: pip install 'gapbench[view]'"
        ) from exc
    named = results or ("results",)
    places = [_find_place(value) for value in named]
    if export_folder is not None:
        from gapbench.view.cache import ViewCache
        from gapbench.view.export import export_view

        written = export_view(places, ", ".join(named), export_folder, export_samples, ViewCache())
        click.echo(f"{written} runs in {export_folder}; open {export_folder / 'index.html'} in a browser")
        return
    _serve(places, ", ".join(named), port, open_browser=not no_browser)


def _find_place(value: str) -> Path:
    """Return the folder of an argument; runs at an address are downloaded."""
    from gapbench.commands.storage_paths import fetch_all_runs, find_run_folder, mirror_folder
    from gapbench.errors import ResultsError
    from gapbench.store import runs_in

    mirror = mirror_folder(value)
    if mirror is not None:
        click.echo(f"downloading the runs at {value}", err=True)
        fetch_all_runs(mirror)
        return mirror
    folder = Path(value)
    if not folder.is_dir():
        run = find_run_folder(Path("results"), folder)
        if run is None:
            raise ResultsError(
                f"there is no folder {value}; `bench run --out {value}` makes one, `bench runs list` shows the runs in results/"
            )
        return run
    if not (folder / "run.json").exists() and not any(runs_in(folder)):
        inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and any(runs_in(path))]
        hint = f"give {inside[0]}" if inside else "`bench run quickstart` makes one"
        raise ResultsError(f"{value} holds no run; {hint}")
    return folder


def _serve(places: list[Path], title: str, port: int, *, open_browser: bool) -> None:
    import signal
    import webbrowser
    from contextlib import suppress

    from gapbench.view.app import ViewApp
    from gapbench.view.cache import ViewCache
    from gapbench.view.server import HOST, bound_socket, make_server, new_token

    with bound_socket(port) as listener:
        app, token = ViewApp(places, ViewCache(), title), new_token()
        try:
            address = f"http://{HOST}:{listener.getsockname()[1]}/{token}/"
            click.echo(f"{app.prepare_all()} runs of {title} at {address}\nstop with Ctrl-C")
            if open_browser:
                webbrowser.open(address)
            # A shell makes background processes ignore SIGINT, and service managers stop a process with SIGTERM.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.default_int_handler)
            with suppress(KeyboardInterrupt):
                make_server(app, token).run([listener])
        finally:
            app.close()
