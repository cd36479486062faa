"""Enrolments: delegates register keys that they made for themselves, and owners make sessions for them."""
