"""Guarded clients against providers with a bill of their own."""
