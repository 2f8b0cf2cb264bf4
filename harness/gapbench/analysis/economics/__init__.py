"""Total cost of ownership, routing tiers and recommendations."""
