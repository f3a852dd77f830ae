"""For those who start gunicorn themselves; every setting comes from COREASON_BUDGET_* and `.env`.

    gunicorn -c deploy/gunicorn.conf.py 'coreason_budget.server:create_app()'

It is what `coreason-budget serve` does. gunicorn's own options still win.
"""

from coreason_budget import BudgetConfig
from coreason_budget.server import logs
from coreason_budget.server.runner import gunicorn_options

_config = BudgetConfig()
_log_file = logs.file_of(_config)
logs.configure(_log_file)
globals().update(gunicorn_options(_config, _log_file))
