"""Health: whether the platform lives, is ready, and how it does."""
