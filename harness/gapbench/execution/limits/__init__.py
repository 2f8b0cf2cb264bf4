"""What holds requests back: admission, rates, budgets, retries and the circuit breaker."""
