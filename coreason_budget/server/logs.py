"""The service's log: one JSON object a line, to stderr and to a rotated file that all workers share."""

from __future__ import annotations

import logging
import os
from logging.config import dictConfig
from pathlib import Path
from typing import Any

from coreason_budget.config import BudgetConfig, source_of
from coreason_budget.errors import ConfigError

MAX_FILE_BYTES = 10 * 1024 * 1024
OLD_FILES = 5

_FIELDS = "%(levelname)s %(name)s %(process)d %(message)s"


OFF = ("none", "-")
"""What `LOG_PATH` says where there shall be no file."""


def file_of(config: BudgetConfig) -> Path | None:
    """The file that the settings name, None for none: said, or the default where it cannot be written.

    A container's folder may not be written; stderr is then the log. A path that somebody chose stays a promise.
    """
    if str(config.log_path) in OFF:
        return None
    if source_of(config, "log_path") != "default":
        return config.log_path
    try:
        _check_writable(config.log_path)
    except ConfigError as error:
        configure()
        logging.getLogger("coreason_budget.server").warning(
            "the log goes to stderr alone (%s); COREASON_BUDGET_LOG_PATH names a file, or none", error
        )
        return None
    return config.log_path


def configure(path: Path | None = None) -> None:
    """Write the log of this process to stderr, and to ``path`` if there is one.

    Every process calls it for itself: the lock that keeps rotations apart is not one across a fork.

    Raises:
        ConfigError: The file cannot be written.
    """
    handlers: dict[str, Any] = {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}}
    if path is not None:
        _check_writable(path)
        handlers["file"] = {
            "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
            "formatter": "json",
            "filename": str(path.absolute()),
            "maxBytes": MAX_FILE_BYTES,
            "backupCount": OLD_FILES,
            "encoding": "utf-8",
        }
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": _FIELDS,
                    "rename_fields": {"levelname": "level", "name": "logger"},
                    "timestamp": True,
                }
            },
            "handlers": handlers,
            "loggers": {
                "coreason_budget": {"level": "INFO"},
                "gunicorn.error": {"level": "INFO", "propagate": True},
            },
            "root": {"level": "WARNING", "handlers": list(handlers)},
        }
    )


def _check_writable(path: Path) -> None:
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with path.open("a"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"log_path: {str(path)!r} cannot be written: {reason}", field="log_path") from None
    # Rotation makes files beside it.
    if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigError(f"log_path: the folder of {str(path)!r} cannot be written", field="log_path")
