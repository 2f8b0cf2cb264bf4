"""The local web app over all runs of ``bench view``: list, compare, search and annotate runs in a browser.

Every figure comes from :mod:`gapbench.analysis` and the tables of :mod:`gapbench.report`. DuckDB lists, filters, searches
and pages the rows of a run. Text of models, suites and servers is sent as JSON and shown as text nodes only.
"""
