"""Built-in tasks and suites: data, found through ``importlib.resources``."""
