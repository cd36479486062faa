"""The market as a whole: figures, and the networks it settles on."""
