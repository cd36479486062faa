"""The command line: one SDK call per command, a table for people and `--json` for programs."""
