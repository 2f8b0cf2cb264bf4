"""Tasks: documents, data, prompts and samples."""
