"""Use cases over ports: the spend gate, proof of funding, the reconciler. No concrete store or chain."""
