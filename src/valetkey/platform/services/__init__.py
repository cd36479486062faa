"""Services: what sellers offer, and the search for it."""
