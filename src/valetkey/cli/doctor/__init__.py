"""`valetkey doctor`: looks at everything that a command, or a platform on this machine, needs, and says what to do."""
