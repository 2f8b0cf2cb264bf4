"""The Berkeley Function Calling Leaderboard (BFCL v4) as a source of tasks: its data and rules over our runners.

The data are read from the installed package ``bfcl-eval``; nothing of it is copied, and none of its code that talks to
models is imported. Its own ``eval()`` of a model's text is never used.
"""
