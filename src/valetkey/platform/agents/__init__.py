"""Agents: registration, the directory, scores, public keys, webhook secrets."""
