"""Downstream servers that come with Memento."""
