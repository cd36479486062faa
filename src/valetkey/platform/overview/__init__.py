"""The overview: what an owner looks at first, and what one session spent over time."""
