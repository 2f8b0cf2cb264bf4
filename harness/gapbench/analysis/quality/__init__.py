"""Accuracy, and comparisons between models."""
