"""Evals of the installed package ``inspect-evals`` as tasks: those that ask a question of several choices once.

The package's code runs in the sandbox, with stand-ins for ``inspect_ai``, which is not needed. The data come from the
Hugging Face hub, at the revision that the package pins. Everything else that an eval may do is refused with the reason.
"""
