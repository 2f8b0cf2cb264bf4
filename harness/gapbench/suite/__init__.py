"""Suites: what to run, as YAML and as a plan."""
