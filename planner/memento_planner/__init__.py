"""Planning from cases: adapting, writing and carrying out plans."""
