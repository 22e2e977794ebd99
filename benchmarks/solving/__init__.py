"""What memory earns when a small local model solves tasks with real tools on real files."""
