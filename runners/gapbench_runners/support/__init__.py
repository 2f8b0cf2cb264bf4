"""What the vendors' runners share."""
