"""Alembic's environment: online, offline, or on a connection that is handed in.

`alembic upgrade head --sql` needs no database. A program or a test that has a connection already
hands it in, in any event loop::

    config.attributes["connection"] = connection  # inside of AsyncConnection.run_sync
    command.upgrade(config, "head")

Otherwise it connects to `MIGRATION_DATABASE_URL`, or `DATABASE_URL` where that is not set.

Models may be in several schemas; a revision of yours must `CREATE SCHEMA` before the first table.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.runtime.plugins import Plugin
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData

from ..engine import create_engine
from ..errors import ConnectionFailure, ConnectionRejected, DatabaseError, SettingsError
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
        try:
            asyncio.run(_connect_and_run(metadata, settings()))
        except (ConnectionFailure, ConnectionRejected, SettingsError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:  # whoever migrates may see the server's own words
            raise CommandError(f"{error}: {error.__cause__}") from error


async def _connect_and_run(metadata: MetaData, settings: DatabaseSettings) -> None:
    engine = create_engine(settings.for_migrations())
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, metadata, _report)
    finally:
        await engine.dispose()


def _run(
    connection: Connection, metadata: MetaData, report: Callable[..., None] | None = None
) -> None:
    schemas = {table.schema for table in metadata.tables.values()} | {None}  # None is `public`
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # The models' schemas and no others: an extension's tables are not ours to drop.
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name in schemas,
        compare_server_default=True,
        autogenerate_plugins=["alembic.autogenerate.*", *_plugins()],
        process_revision_directives=_process,
        transaction_per_migration=True,
        on_version_apply=report,
    )
    with context.begin_transaction():
        context.run_migrations()


@cache  # Alembic registers a plugin once
def _plugins() -> tuple[str, ...]:
    """Register what the options compare, the `autogenerate.py` in their directories; return names."""
    layer = __name__.removesuffix(".migrations.environment")
    files = sorted(Path(__file__).parents[1].glob("*/autogenerate.py"))
    names = tuple(f"{layer}.{file.parent.name}.autogenerate" for file in files)
    for name in names:
        Plugin.setup_plugin_from_module(import_module(name), name)
    return names


def _report(*, step: MigrationInfo, **_: object) -> None:
    if isinstance(step.up_revision, Script):
        verb = "upgrade to" if step.is_upgrade else "downgrade from"
        revision = step.up_revision
        context.config.print_stdout("%s %s, %s", verb, revision.revision, revision.doc)


def _process(
    migration: MigrationContext,
    revision: str | Iterable[str | None] | Iterable[str],
    directives: list[MigrationScript],
) -> None:
    for script in directives:
        # `alembic check` comes here too, with a script that has no message.
        if script.message is not None and script.upgrade_ops and script.upgrade_ops.is_empty():
            raise CommandError(
                "the models and the database agree, so there is no revision to write; "
                "is a new model missing in models/__init__.py?"
            )
    order_drops(migration, revision, directives)
