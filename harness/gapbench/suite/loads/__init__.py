"""Loads: how requests are spread over time."""
