"""Python and shell commands in a sandbox, with a folder of files for each plan."""
