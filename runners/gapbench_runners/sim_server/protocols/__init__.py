"""Four wire protocols: a request's body to what was asked, and a reply to the events of each.

A protocol reads with ``asked`` and writes with ``stream``: the bytes before, of, and after the timed chunks,
so that the server times all four in the same lines; ``whole`` is the reply as one JSON body.
"""

from __future__ import annotations

from gapbench_runners.sim_server.protocols.anthropic import Messages
from gapbench_runners.sim_server.protocols.google import GenerateContent
from gapbench_runners.sim_server.protocols.openai_chat import ChatCompletions
from gapbench_runners.sim_server.protocols.openai_responses import Responses
from gapbench_runners.sim_server.protocols.protocol import Rendered, WireProtocol

__all__ = ["ChatCompletions", "GenerateContent", "Messages", "Rendered", "Responses", "WireProtocol"]
