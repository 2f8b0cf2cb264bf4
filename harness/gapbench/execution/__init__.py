"""Run a plan: sessions, attempts, limits, recording and monitoring."""
