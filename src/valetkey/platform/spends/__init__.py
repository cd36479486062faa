"""Spends that are no purchases of the market: asked for, tried out, signed, settled."""
