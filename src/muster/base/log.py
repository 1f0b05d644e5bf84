"""Structured logs: one event name per line, the rest as fields."""

import logging
import sys
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger


def set_up(level: str = "info", form: str = "auto") -> None:
    """Send log lines to standard error, as JSON or for people (`auto`: people on a terminal)."""
    plain = form == "text" or (form == "auto" and sys.stderr.isatty())
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log(**bound: object) -> FilteringBoundLogger:
    return cast(FilteringBoundLogger, structlog.get_logger(**bound))
