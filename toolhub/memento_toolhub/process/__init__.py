"""Child processes: how servers are started, watched and ended, and what they say."""
