"""Progress of a run: on the terminal, and as Prometheus metrics of one run or of every run in a results folder.

Metrics are served on the loopback address unless configured otherwise. They contain no prompts, answers or keys.
``docs/grafana/bench.json`` is a dashboard for them. Import from the modules: this package imports none of them, so that
a run without metrics does not import the Prometheus client.
"""
