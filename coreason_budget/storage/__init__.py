"""What is kept in files of this host: SQLite files, locks between processes, and what a fork may not carry over."""
