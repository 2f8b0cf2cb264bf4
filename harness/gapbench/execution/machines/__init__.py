"""Load from several machines: one conductor deals a cell's requests to workers that joined it over the network."""
