"""The budgets that are in force, as the table `budget.state` changes."""

from collections.abc import Iterable, Mapping

import structlog
from prometheus_client import Gauge

from headrace.budgets.active import InForce, active_budgets
from headrace.event import Event

UNREADABLE = Gauge("headrace_budgets_unreadable", "Budgets in force whose spec this process can't read.")

_log = structlog.get_logger(__name__)


class ActiveBudgets:
    """Those of a table, found once for each of its changes, not once for each call."""

    def __init__(self) -> None:
        self.now = InForce()

    def follow(self, entries: Mapping[str, Event], _: Iterable[str]) -> None:
        """Take over the table's entries. What can't be read is told of once, and counted as long as it is so."""
        told = self.now.unreadable
        self.now = active_budgets(entries, self.now.budgets)
        UNREADABLE.set(len(self.now.unreadable))
        for one in self.now.unreadable:
            if one not in told:
                effect = "the version before still charges" if one.kept else "calls that it may pay for are refused"
                _log.error("unreadable budget", budget=one.name, version=one.version, error=one.reason, effect=effect)
