"""The migration that lets a database know itself, so that a restored one is no more taken for the one that went on.

A dump that is played back has other object ids, a base backup that was recovered is on another timeline, and either on
a new server has another system identifier. What is kept is written at the first opening, and by `valetkey release`.
"""

LINEAGE = """
CREATE TABLE valetkey_lineage (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  system text NOT NULL,
  timeline text NOT NULL,
  objects text NOT NULL
);
"""
