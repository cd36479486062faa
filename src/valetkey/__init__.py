"""Valetkey: valet keys for autonomous agents, sessions whose spending limits hold."""
