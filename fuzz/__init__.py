"""Every parser of strangers' bytes under coverage-guided and structured generation; `make fuzz`."""
