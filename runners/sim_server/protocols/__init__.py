"""Four wire protocols: a request's body to what was asked, and a reply to the events of each.

A protocol reads with ``asked`` and writes with ``head``, ``reasoning``, ``answer`` and ``tail``: the bytes
before, between and after the timed chunks, so that the server times all four in the same lines.
"""

from __future__ import annotations

from runners.sim_server.protocols.chat import ChatCompletions
from runners.sim_server.protocols.generate import GenerateContent
from runners.sim_server.protocols.messages import Messages
from runners.sim_server.protocols.responses import Responses
from runners.sim_server.protocols.shape import WireProtocol

__all__ = ["ChatCompletions", "GenerateContent", "Messages", "Responses", "WireProtocol"]
