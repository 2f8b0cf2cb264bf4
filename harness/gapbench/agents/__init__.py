"""Episodes: the tools that a model's calls run, the user who answers, and the conversation between them.

This package sends nothing: :mod:`gapbench.execution` asks the model, and a :class:`Conversation` says what follows.
"""

from gapbench.agents.agent import AgentConversation, open_conversation
from gapbench.agents.call_check import check_call, check_tools
from gapbench.agents.conversation import Conversation, Step
from gapbench.agents.environment import DeadEnvironmentError, Environment, ToolOutcome
from gapbench.agents.mcp_environment import McpEnvironment, read_mcp_tools
from gapbench.agents.model_user import AbsentUserError, AskUser, DeadUserError, ModelUser, UserReply
from gapbench.agents.recorded_environment import RecordedEnvironment
from gapbench.agents.sandbox_environment import SandboxEnvironment, check_python_tools
from gapbench.agents.user import ScriptedUser, User, UserTurn

__all__ = [
    "AbsentUserError",
    "AgentConversation",
    "AskUser",
    "Conversation",
    "DeadEnvironmentError",
    "DeadUserError",
    "Environment",
    "McpEnvironment",
    "ModelUser",
    "RecordedEnvironment",
    "SandboxEnvironment",
    "ScriptedUser",
    "Step",
    "ToolOutcome",
    "User",
    "UserReply",
    "UserTurn",
    "check_call",
    "check_python_tools",
    "check_tools",
    "open_conversation",
    "read_mcp_tools",
]
