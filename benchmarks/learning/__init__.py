"""What learned selection earns on real outcomes, beside every simpler way of choosing a case."""
