"""Say in one line why a model refused a request: what it refused, the HTTP status, and the vendor's own text."""

from __future__ import annotations

from gapbench.runner import Runner
from gapbench.values import Failure


def describe_failure(failure: Failure, runner: Runner) -> str:
    """Return one line on a failure: the variable, model or parameters that it is about, the status and the vendor's text.

    Args:
        failure: How a request failed; its message has no key.
        runner: The runner that sent the request.
    """
    said = quote_reply(failure)
    variable, name = runner.key_variable(), runner.model.name
    where = f" at {runner.base_url}" if runner.base_url else ""
    if failure.kind == "auth":
        if variable is None:
            return f"the server{where} wants a key ({said}); name its environment variable with key_env"
        return f"{variable} was refused ({said}); set the right key in {variable}, or name another variable with key_env"
    if failure.kind == "quota":
        return f"the account{f' of {variable}' if variable else where} has no credit left ({said})"
    if failure.kind == "not_found":
        return f"no model {name!r}{where} ({said}); correct model or base_url"
    if failure.kind == "bad_request":
        return f"the request was refused ({said}); remove the parameter from params, or correct model"
    return f"{failure.kind}: {said}"


def quote_reply(failure: Failure) -> str:
    """Return the HTTP status of a failed reply and its text in one line, such as ``401: Incorrect API key``."""
    text = " ".join(failure.message.split()) or "no text"
    return text if failure.http_status is None else f"{failure.http_status}: {text}"
