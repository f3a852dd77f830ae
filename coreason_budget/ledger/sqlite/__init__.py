"""The embedded ledger: one SQLite file, shared by the threads and processes of one host."""
