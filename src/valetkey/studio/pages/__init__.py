"""The pages, a file for each: what is on it, and what its controls do."""
