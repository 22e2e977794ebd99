"""The MCP server of Memento, its command line and its demo."""
