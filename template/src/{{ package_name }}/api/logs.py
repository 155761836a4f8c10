"""The log of the service: lines with time, level, logger and request id.

In a terminal the lines are easy to read. Otherwise they are JSON.

The loggers of the layer, of the server and of other libraries write into this log too. Your code may use
`logging` or `structlog`.
"""

import logging
import sys

import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

_log = logging.getLogger(__name__)

_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(level: str) -> None:
    """Send the log of this process to standard error, without messages below this level."""
    structlog.configure(
        processors=[*_PROCESSORS, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    if sys.stderr.isatty():
        end: list[Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        end = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    handler = logging.StreamHandler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*_PROCESSORS, structlog.stdlib.ExtraAdder(), _drop_colors],
            processors=[ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # request_log.py logs requests
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each check of the schema
    set_on_retry_hooks([log_retry])


def _drop_colors(_: object, __: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of a message, which has colors for a terminal."""
    event.pop("color_message", None)
    return event


def log_retry(details: RetryDetails) -> None:
    """Log why a transaction runs again. Stamina's own hook would also log the arguments."""
    _log.warning("running again in %.2f s after: %s", details.wait_for, details.caused_by)
