"""Runs the service under gunicorn: threads in worker processes that share nothing but the ledger."""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coreason_budget.config import BudgetConfig
from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.manager import BudgetManager
from coreason_budget.server import create_app, logs

if TYPE_CHECKING:
    from flask import Flask

READ_TIMEOUT_S = 5

_LONGEST_REQUEST_LINE = 8190
_log = logging.getLogger("coreason_budget.server")


def serve(config: BudgetConfig) -> None:
    """Run the service until it is told to stop; requests in flight then finish. Ends in SystemExit.

    Raises:
        ConfigError: A setting that cannot be used, before any worker is started.
    """
    if sys.platform == "win32":
        raise ConfigError(
            "serve: gunicorn does not run on Windows; use another WSGI server, for example "
            "waitress-serve --call coreason_budget.server:create_app"
        )
    from coreason_budget.server.workers import Service

    log_file = logs.file_of(config)
    options = gunicorn_options(config, log_file)
    _check_address(config)
    logs.configure(log_file)
    budget = BudgetManager(config)
    _try_ledger(budget)

    def app() -> Flask:
        # A ledger in memory belongs to the process that made it, so the worker makes one of its own.
        return create_app(budget=budget if options["preload_app"] else BudgetManager(config))

    Service(app, options).run()


def gunicorn_options(config: BudgetConfig, log_file: Path | None) -> dict[str, Any]:
    """The settings in gunicorn's words, for `serve` and for a ``gunicorn.conf.py``; workers log to ``log_file``, too.

    Raises:
        ConfigError: A ledger in memory with more than one worker: each would own a full budget.
    """
    in_memory = not config.is_shared
    if in_memory and config.workers > 1:
        raise ConfigError(
            f"workers: memory:// is the memory of one process, and {config.workers} workers would each own a full "
            "budget; use 1 worker, sqlite:///... or redis://...",
            field="workers",
        )

    def pre_fork(server: Any, worker: Any) -> None:
        from coreason_budget.server.workers import hold_stops

        hold_stops()

    def post_fork(server: Any, worker: Any) -> None:
        logs.configure(log_file)

    def post_worker_init(worker: Any) -> None:
        from coreason_budget.server.workers import release_stops

        # Ours let them go as soon as it has handlers; another class of worker knows nothing of them.
        release_stops()

    return {
        "bind": f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}",
        "worker_class": "coreason_budget.server.workers.Worker",
        "workers": config.workers,
        "threads": config.threads,
        "timeout": config.worker_timeout_s,
        "graceful_timeout": config.graceful_timeout_s,
        # Whatever is wrong shows before the first worker.
        "preload_app": not in_memory,
        "limit_request_line": _LONGEST_REQUEST_LINE,
        "logger_class": "coreason_budget.server.workers.ServiceLogger",
        "control_socket_disable": True,
        "when_ready": _bound_reads,
        "pre_fork": pre_fork,
        "post_fork": post_fork,
        "post_worker_init": post_worker_init,
    }


def _bound_reads(server: Any) -> None:
    # Accepted sockets inherit it: a client that stops in mid-request gives its thread back.
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", READ_TIMEOUT_S, 0))


def _check_address(config: BudgetConfig) -> None:
    if _is_handed_over():
        return
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        socket.create_server((config.host, config.port), family=family).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"port: cannot listen on {config.host} port {config.port}: {reason}", field="port") from None


def _is_handed_over() -> bool:
    """Whether the listening socket comes from an older master (USR2), or from systemd."""
    told = os.environ
    return "GUNICORN_FD" in told or ("LISTEN_FDS" in told and told.get("LISTEN_PID") == str(os.getpid()))


def _try_ledger(budget: BudgetManager) -> None:
    """Tell at once what is wrong with the ledger. One that does not answer yet may come back."""
    try:
        budget.books.ping()
    except ConfigError:
        raise
    except BudgetError as error:
        _log.warning("the ledger cannot be used yet; every answer is 503 until it can: %s", error)
    finally:
        budget.close()
