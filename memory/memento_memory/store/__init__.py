"""The bank on disk: one SQLite file, opened through apsw, with FTS5 and sqlite-vec."""
