"""Solana: what owners and delegates send, and what is read. solders is imported by the modules that need it."""
