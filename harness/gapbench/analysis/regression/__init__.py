"""Comparison of a run with a baseline or an earlier run."""
