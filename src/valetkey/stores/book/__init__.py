"""What one transaction of the ledger does, whatever database keeps it: facts in, `core` decides, facts out."""
