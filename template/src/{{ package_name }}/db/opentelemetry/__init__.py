"""Traces and metrics of the database, for OpenTelemetry. Call `observe` once for each `Database`::

    async with Database(Settings().database) as database:
        observe(database)

=============================  ===============================================================
This                           becomes
=============================  ===============================================================
a statement that ran           one span, a child of the span of its request. It has the text
                               without parameters, and the error's SQLSTATE if it failed
a statement that was slow      also an event of the span of its request
a transaction that runs again  an event of the span of its request, see `unit_of_work/retry.py`
the pool                       `db.client.connection.count` by state, `…max` and `…timeouts`
=============================  ===============================================================

FastAPI itself makes the spans and metrics of requests. So a request that runs three statements has four
spans. BEGIN, COMMIT, savepoints and SET have no span. The query log leaves them out too.

`opentelemetry-instrumentation-sqlalchemy` 0.66 refuses SQLAlchemy 2.1. Do not add the instrumentation of
asyncpg. With it, each statement would have two spans.

The exporter reads `OTEL_EXPORTER_OTLP_ENDPOINT` and other variables of OpenTelemetry from the environment,
and not from `.env`. Without an endpoint nothing is sent, and a statement takes a few microseconds more.
"""

from .observe import observe

__all__ = ["observe"]
