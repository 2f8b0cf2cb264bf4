"""The article: its claims, its evidence and the verdict on each."""
