"""Allotments: the accounts on Solana that owners keep for their sessions, and how these end."""
