"""The HTTP service, cut by domain; `app.py` is its composition root."""
