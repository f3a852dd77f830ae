"""What leaves the library, and comes back: JSON values, problems, and their schemas. No framework, no I/O."""
