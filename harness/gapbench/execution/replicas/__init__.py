"""One model at several addresses: which replica gets a request, and what happens when one fails."""
