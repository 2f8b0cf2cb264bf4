"""One module per vendor; each turns one request into a stream of chunks."""
