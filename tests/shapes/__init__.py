"""What the newest real packages hand out, against the bill of a provider that knows: `tox -e shapes`."""
