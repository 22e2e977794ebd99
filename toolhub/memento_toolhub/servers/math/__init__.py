"""Exact and numeric mathematics, and units of measure."""
