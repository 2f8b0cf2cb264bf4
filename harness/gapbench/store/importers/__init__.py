"""Imports per-sample logs of other harnesses as scored rows, for ``bench import``.

Each format is one module in :mod:`gapbench.store.importers.formats` that yields
:class:`gapbench.store.importers.sample_log.SampleLog`; packages register more in the entry-point group
``bench.importers``. :mod:`gapbench.store.importers.run_builder` writes the logs as a run. What a log does not contain is
null: times always, tokens and prompts where the harness does not keep them.
"""
