"""Chat models behind one protocol: Anthropic, OpenAI and what speaks its language, a local file, the host's own."""
