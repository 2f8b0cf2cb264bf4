"""The built-in scorers: one module for each, with the scorer's name."""
