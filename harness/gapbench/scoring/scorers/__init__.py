"""One scorer per module."""
