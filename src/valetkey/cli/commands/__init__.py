"""The commands, a file for each group: what people write, one call of the SDK, and what is told of it."""
