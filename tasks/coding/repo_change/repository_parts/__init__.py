"""What the rows of coding/repo_change are made of; ``rows.py`` loads it from beside itself, wherever that is."""
