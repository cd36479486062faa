"""The ledger under kill -9, clock jumps, lost answers, retries and restarts: `make torture`. Not shipped."""
