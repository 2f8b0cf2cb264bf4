"""Accuracy, the gap between models, and what compares them."""
