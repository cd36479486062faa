"""Chains: what differs between one chain and another. Each package is a stranger to the others."""
