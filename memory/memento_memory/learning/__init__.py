"""The slow learner: trains the value model's network from the episode log, in a process of its own."""
