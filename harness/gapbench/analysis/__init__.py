"""Analysis of stored runs: summary, gap, cost and more as tidy pandas frames with documented columns and units.

It only reads results and needs no keys, no vendors and no clock. ``frames.load_runs(runs)`` reads runs once; all
functions take either run folders or the value it returns.
"""
