"""Alerts of an owner's sessions: listed, and acknowledged."""
