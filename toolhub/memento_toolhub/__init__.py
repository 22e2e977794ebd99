"""Memento's tool hub: downstream MCP servers, relayed."""
