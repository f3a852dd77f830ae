"""The books, for whoever runs a budget: proved, handed on, and asked."""
