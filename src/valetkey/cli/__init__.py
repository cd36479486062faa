"""The command line: demo, dev, serve. run.py is its composition root; nothing here decides about money."""
