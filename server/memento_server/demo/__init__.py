"""The demo: a real MCP client, the real server over stdio, and a bank that learns before your eyes."""
