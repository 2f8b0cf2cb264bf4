"""Cost of runs and of tasks."""
