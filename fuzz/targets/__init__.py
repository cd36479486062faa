"""A module for each parser; its name is the target's, and it holds one TARGET."""
