"""The cheapest mix of own GPUs, rented GPUs, APIs and batches for a team's own traffic, hour by hour of the week."""
