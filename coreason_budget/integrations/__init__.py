"""Budgets where the calls are made: one module for each client library, named after it, imported by its user alone."""
