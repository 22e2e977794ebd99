"""The protocol: one connection to a server, and what passes over it in both directions and both eras."""
