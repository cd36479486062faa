"""Checkout: an order becomes a transaction, through the one spend gate."""
