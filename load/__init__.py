"""A mixed load on real processes for minutes: latency and memory over time, and verdicts that a program computes."""
