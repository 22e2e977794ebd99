"""Curation: what keeps a bank worth searching as it grows. Everything it does can be undone for the retention time."""
