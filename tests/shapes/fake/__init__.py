"""Providers on loopback: answers of known counts, each with a bill that our reader had no part in."""
