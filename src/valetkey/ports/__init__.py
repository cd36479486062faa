"""Protocols: what the inside needs from the outside. Only the standard library and core are named here."""
