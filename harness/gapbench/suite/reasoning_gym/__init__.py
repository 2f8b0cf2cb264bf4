"""The generators of the package ``reasoning-gym`` as tasks: its items and its ``score_answer`` over our runners.

All of the package's code runs in the sandbox: a few of its scorers give a model's text to ``eval`` or to sympy.
"""
