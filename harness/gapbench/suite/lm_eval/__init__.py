"""lm-evaluation-harness (EleutherAI) as a source of tasks: its prompts, filters and metrics over our runners.

::

    entry.py      what a suite writes: ``{lm_eval: gsm8k, limit: 200}``
    library.py    the package itself: imported late, kept quiet, its templates in a sandbox
    user_yaml.py  a user's own task YAML: what of it is code, and where its data lie
    expansion.py  lm-eval's requests as our samples, one for each
    grading.py    a reply's own score, by lm-eval's filters and metrics
    results.py    lm-eval's own ``evaluate`` over the stored replies: the figures to the last digit
    twins.py      tasks that need log-probabilities, and what to ask closed models instead

Only ``entry`` may be imported at the top of another module: lm-eval is an extra and takes a second to import.
"""
