"""The production ledger: Redis (6.2 or newer) or Valkey, by pipelines and WATCH."""
