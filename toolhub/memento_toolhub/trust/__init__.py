"""What comes from downstream servers is not trusted: pinned, redacted, bounded."""
