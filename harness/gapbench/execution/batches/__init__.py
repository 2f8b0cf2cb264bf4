"""Models that are asked through their provider's batch API: submit, come back, and read the results as rows."""
