"""The rows, one class a table, fields in the order of the parameters of its query. Times are aware, money is exact."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

RUN_KEY, RUN_NODE_KEY = 1, 4
"""How many of the first fields say which row it is."""


class Run(NamedTuple):
    """What an event says about its run; None says nothing."""

    run: str
    last_seq: int
    status: str
    workflow: str | None = None
    tenant: str | None = None
    session: str | None = None
    actor: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    currency: str | None = None
    code: str | None = None
    message: str | None = None
    node: str | None = None


class RunNode(NamedTuple):
    """What an event says about one attempt of a node; None says nothing."""

    run: str
    node: str
    iteration: int
    attempt: int
    status: str
    type: str | None = None
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    currency: str | None = None
    code: str | None = None
    message: str | None = None


class ResourceChange(NamedTuple):
    """One record of the audit trail of prompts, models, aliases, workflows and budgets; None says nothing.

    split: JSON, a list of versions with their weights.
    """

    topic: str
    partition: int
    log_offset: int
    name: str
    change: str
    at: datetime
    actor: str | None = None
    reason: str | None = None
    caused_by: str | None = None
    kind: str | None = None
    version: int | None = None
    digest: str | None = None
    pointer: str | None = None
    previous: int | None = None
    command: str | None = None
    code: str | None = None
    message: str | None = None
    split: str | None = None
    protected: bool | None = None
    approved_by: str | None = None
    versions: list[int] | None = None
    run: str | None = None
    node: str | None = None


CHANGE_SAYS = tuple(ResourceChange._field_defaults)
"""Columns that hold what an event's field of the same name says."""
