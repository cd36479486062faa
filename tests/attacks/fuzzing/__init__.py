"""Schemathesis over the whole OpenAPI, against a platform that has something of everything.

`running` plays it, `explained` reads what is known and why it is no fault, `report` is what is told of a run.
"""
