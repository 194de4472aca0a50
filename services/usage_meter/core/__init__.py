"""What the meter counts. Pure."""

from usage_meter.core.lifetime import is_over, is_settled, is_timely
from usage_meter.core.measures import BUDGET, MINUTE_MS, budget_keys, check, window_keys
from usage_meter.core.spending import Spending, budget_alerts, total, with_charges
from usage_meter.core.window import Window, error_alerts, usage_window, with_call

__all__ = [
    "BUDGET",
    "MINUTE_MS",
    "Spending",
    "Window",
    "budget_alerts",
    "budget_keys",
    "check",
    "error_alerts",
    "is_over",
    "is_settled",
    "is_timely",
    "total",
    "usage_window",
    "window_keys",
    "with_call",
    "with_charges",
]
