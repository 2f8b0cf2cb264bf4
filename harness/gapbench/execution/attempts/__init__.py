"""One attempt: sent, measured, and turned into a row."""
