"""The airline and retail domains of tau2-bench as a source of tasks: its data, tools and rules over our runners.

Everything of tau2 is read from the installed package ``inspect-evals``; nothing of it is copied. On this side of the
sandbox its files are read as text and never run.
"""
