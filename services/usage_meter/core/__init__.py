"""What the meter counts. Pure."""

from usage_meter.core.lifetime import HOUR_MS, is_over, is_period_over, is_settled, is_timely
from usage_meter.core.measures import BUDGET, MINUTE_MS, budget_key, check, window_keys
from usage_meter.core.spending import Spending, budget_alerts, total, with_charges
from usage_meter.core.window import Window, error_alerts, usage_window, with_call

__all__ = [
    "BUDGET",
    "HOUR_MS",
    "MINUTE_MS",
    "Spending",
    "Window",
    "budget_alerts",
    "budget_key",
    "check",
    "error_alerts",
    "is_over",
    "is_period_over",
    "is_settled",
    "is_timely",
    "total",
    "usage_window",
    "window_keys",
    "with_call",
    "with_charges",
]
