"""Approvals: spends above a threshold wait for their owner."""
