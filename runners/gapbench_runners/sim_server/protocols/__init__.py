"""Five wire protocols: a request's body to what was asked, and a reply to the events of each.

A protocol reads with ``asked`` and writes with ``stream``: the bytes before, of, and after the timed chunks,
so that the server times all of them in the same lines; ``whole`` is the reply as one JSON body.
"""

from __future__ import annotations

from gapbench_runners.sim_server.protocols.anthropic import MessagesProtocol
from gapbench_runners.sim_server.protocols.google import GenerateContentProtocol
from gapbench_runners.sim_server.protocols.openai_chat import ChatCompletionsProtocol
from gapbench_runners.sim_server.protocols.openai_completions import CompletionsProtocol
from gapbench_runners.sim_server.protocols.openai_responses import ResponsesProtocol
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    VendorRefusalError,
    WireProtocol,
    check_request,
)

__all__ = [
    "ChatCompletionsProtocol",
    "CompletionsProtocol",
    "GenerateContentProtocol",
    "MessagesProtocol",
    "RenderedStream",
    "ResponsesProtocol",
    "VendorRefusalError",
    "WireProtocol",
    "check_request",
]
