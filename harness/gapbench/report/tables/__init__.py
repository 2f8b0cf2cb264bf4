"""The tables of a report, one module each; :data:`gapbench.report.results.TABLES` lists them."""
