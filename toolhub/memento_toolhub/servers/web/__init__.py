"""The web: search, pages and crawls."""
