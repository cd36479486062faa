"""The rules of delegated money: pure values and functions.

No I/O, no clock, no randomness, no third party: whoever calls passes the facts and `now`.
"""
