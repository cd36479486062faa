"""Databases that keep what core decided. They lock, call core, and write; they decide nothing."""
