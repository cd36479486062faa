"""Grants of sessions: kept, shown, measured; and what their keys signed, sent by the platform's relayer."""
