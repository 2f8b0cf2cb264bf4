"""Checks of `bench doctor` that come from the installed runners: packages, keys and what each runner checks itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from gapbench import credentials
from gapbench.errors import SetupError
from gapbench.runner import KeyCheck, Runner, SetupCheck, installed_runners, load_runner_class


def check_runners(*, offline: bool = False) -> Iterator[SetupCheck]:
    """Yield one check for each package, key variable and runner.

    Args:
        offline: Whether to leave out the request that tries a key.
    """
    runners: dict[str, type[Runner]] = {}
    for name in installed_runners():
        try:
            runners[name] = load_runner_class(name)
        except SetupError as exc:
            yield SetupCheck(f"{name} runner", False, str(exc))
    yield from _check_packages(runners)
    for name, runner in runners.items():
        variables = runner.info.key_variables
        if variables:
            yield _check_key(name, variables, None if offline else runner.info.key_check)
    for runner in runners.values():
        yield from runner.check_setup()


def _check_packages(runners: Mapping[str, type[Runner]]) -> Iterator[SetupCheck]:
    users: dict[str, list[str]] = {}
    hints: dict[str, str] = {}
    for name, runner in runners.items():
        for package in runner.info.packages:
            users.setdefault(package, []).append(name)
            hints[package] = runner.info.install_hint
    for package, names in users.items():
        try:
            yield SetupCheck(package, True, version(package))
        except PackageNotFoundError:
            hint = f"; {hints[package]}" if hints[package] else ""
            yield SetupCheck(package, False, f"for --model {names[0]}:MODEL{hint}")


def _check_key(runner: str, variables: tuple[str, ...], check: KeyCheck | None) -> SetupCheck:
    found = next(
        (variable for variable in variables if credentials.missing_key_reason(variable) is None), None
    )
    if found:
        key = credentials.read_key(found)
        if check is None or key is None:
            return SetupCheck(found, True, f"set, not tried; for --model {runner}:MODEL")
        from gapbench.execution.key_check import try_key  # imports the HTTP client

        reply = try_key(check, key)
        works = f": --model {runner}:MODEL works" if reply.is_accepted else ""
        return SetupCheck(found, reply.is_accepted is not False, f"set, {reply.words}{works}")
    others = f" or {', '.join(variables[1:])}" if variables[1:] else ""
    return SetupCheck(variables[0], False, f"not set; export it{others} for --model {runner}:MODEL")
