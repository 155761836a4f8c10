"""Alembic's environment: online, offline, or on a connection that is handed in.

`alembic upgrade head --sql` needs no database. A program or a test that has a connection already
hands it in, in any event loop::

    config.attributes["connection"] = connection  # inside of AsyncConnection.run_sync
    command.upgrade(config, "head")

Otherwise it connects to `MIGRATION_DATABASE_URL`, or `DATABASE_URL` where that is not set.
"""

import asyncio
import logging
from collections.abc import Callable

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData

from ..engine import create_engine
from ..errors import DatabaseError
from ..settings import DatabaseSettings
from .ordering import order_drops


def run_migrations(metadata: MetaData, settings: Callable[[], DatabaseSettings]) -> None:
    """Run what the `alembic` command asks for.

    Args:
        metadata: of all models, to compare the database with.
        settings: makes the settings; called only where a connection has to be opened.

    Raises:
        CommandError: something of the database's went wrong; the command prints it as one sentence.
    """
    handed_in = context.config.attributes.get("connection")
    if context.is_offline_mode():
        context.configure(
            dialect_name="postgresql",
            target_metadata=metadata,
            literal_binds=True,
            dialect_opts={"paramstyle": "named"},
        )
        with context.begin_transaction():
            context.run_migrations()
    elif handed_in is not None:
        _run(handed_in, metadata)
    else:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
        try:
            asyncio.run(_connect_and_run(metadata, settings()))
        except DatabaseError as error:
            raise CommandError(str(error)) from error


async def _connect_and_run(metadata: MetaData, settings: DatabaseSettings) -> None:
    engine = create_engine(settings.for_migrations())
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, metadata)
    finally:
        await engine.dispose()


def _run(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        process_revision_directives=order_drops,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
