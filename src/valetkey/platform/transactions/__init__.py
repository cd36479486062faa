"""Transactions: funding, delivery, release and disputes, each proven by the chain."""
