"""Latency, throughput and capacity of stored runs."""
