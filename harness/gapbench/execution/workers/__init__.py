"""Worker processes that share a load."""
