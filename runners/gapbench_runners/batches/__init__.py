"""Clients of the vendors' batch APIs, and how the lines of their results become replies."""
