"""What `make screenshots` is made of: a company's week, the clock that it happens by, and the camera."""
