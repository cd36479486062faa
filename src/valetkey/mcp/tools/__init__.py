"""The tools, by what they are for. Each is a shape, a description for models, and one call of the SDK."""
