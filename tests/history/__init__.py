"""Histories of calls, held against a model of the laws."""
