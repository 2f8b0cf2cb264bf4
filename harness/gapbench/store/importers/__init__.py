"""Per-sample logs of other harnesses as scored rows: `bench import`, so that `bench gap` and `report` read them.

A reader of each format yields :class:`gapbench.store.importers.sample_log.SampleLog`; :mod:`gapbench.store.importers.run_builder` writes them as
a run. What a log does not say is null: times always, tokens and prompts where the harness keeps none.
"""
