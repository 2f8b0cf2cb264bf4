"""Replay of logged traffic: a traffic table to a load with a task of its own."""

from gapbench.suite.replay.replay import Replay, open_replay

__all__ = ["Replay", "open_replay"]
