"""What the operator of the platform does: looks at disputes and resolves them."""
