"""Episodes: the tools that a model's calls run, the user who answers, and the conversation between them.

This package sends nothing: :mod:`gapbench.execution` asks the model, and a :class:`Conversation` says what follows.
"""

from gapbench.agents.conversation import Conversation, Step
from gapbench.agents.environment import DeadEnvironmentError, Environment, ToolOutcome

__all__ = ["Conversation", "DeadEnvironmentError", "Environment", "Step", "ToolOutcome"]
