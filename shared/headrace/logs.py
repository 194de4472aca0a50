"""Logs of a service: one JSON object a line."""

import logging

import structlog

QUIET_S = 5.0
"""Seconds in which aiokafka says a thing once."""


class _Sparse(logging.Filter):
    """Lets aiokafka say a thing once in QUIET_S: while the broker is away it says it 400 times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is said. Messages are told apart before their values are put in, so that there are few."""
        if not record.name.startswith("aiokafka"):
            return True
        what = (record.name, str(record.msg))
        is_new = record.created - self._said.get(what, 0.0) > QUIET_S
        if is_new:
            self._said[what] = record.created
        return is_new


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error, for our own logs and for libraries'."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),  # what is not shown costs nothing
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    renderers: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    handler.addFilter(_Sparse())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # its debug log holds parameters, and bodies may be secret
