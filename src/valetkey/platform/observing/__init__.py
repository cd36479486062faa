"""What an operator sees of a platform: its log, its metrics, and its traces."""
