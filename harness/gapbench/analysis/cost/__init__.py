"""What a run cost, and what a task costs."""
