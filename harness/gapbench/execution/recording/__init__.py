"""Score responses and record attempts."""
