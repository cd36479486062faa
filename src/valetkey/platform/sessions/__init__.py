"""Sessions: delegated authority, made, shown and taken back."""
