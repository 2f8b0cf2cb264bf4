"""Packaged figures with their sources: list prices, GPU-hour prices, published scores. Data only."""
