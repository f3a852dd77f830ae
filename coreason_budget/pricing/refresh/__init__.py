"""The maintainer's command that keeps the bundled price table true: `python -m coreason_budget.pricing.refresh`.

Two published tables are read (`litellm`, `genai`), turned into entries of our own kind (`offer`),
merged (`merge`) by what `choices.yaml` says, compared with the table (`update`) and written
(`write`) as YAML. Nothing here is imported where calls are priced.
"""
