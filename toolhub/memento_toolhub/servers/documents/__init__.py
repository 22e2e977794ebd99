"""The server that reads documents of many formats, and asks tables questions."""
