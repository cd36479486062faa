"""What agents import: buyers, sellers, sessions and their errors. It meets the platform only over HTTP."""
