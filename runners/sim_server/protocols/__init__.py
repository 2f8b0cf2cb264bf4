"""Four wire protocols: a request's body to what was asked, and a reply to the events of each.

A protocol reads with ``asked`` and writes with ``stream``: the bytes before, of, and after the timed chunks,
so that the server times all four in the same lines; ``whole`` is the reply as one JSON body.
"""

from __future__ import annotations

from runners.sim_server.protocols.chat import ChatCompletions
from runners.sim_server.protocols.generate import GenerateContent
from runners.sim_server.protocols.messages import Messages
from runners.sim_server.protocols.responses import Responses
from runners.sim_server.protocols.shape import Rendered, WireProtocol

__all__ = ["ChatCompletions", "GenerateContent", "Messages", "Rendered", "Responses", "WireProtocol"]
