"""Latency, throughput and capacity."""
