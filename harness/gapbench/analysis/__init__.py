"""Rows in, tables out: summary, gap and cost as tidy pandas frames with documented columns and units.

Reads results only: no keys, no vendors, no clock. ``frames.load_runs(runs)`` reads once; every function here
takes run folders or what it returned.
"""
