"""Fact check of the article: its claims, the published evidence, and a verdict on each.

No other part of the analysis depends on this package.
"""
