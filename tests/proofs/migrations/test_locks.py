"""A migration that waits for a long transaction gives up in time, tries again, and blocks no writer."""

from collections.abc import Callable

import pytest
from sqlalchemy import URL

from tests.proofs.support.everything import describe
from tests.proofs.support.revisions import Project, read_until, transaction
from tests.proofs.support.writers_load import writers

Record = Callable[[str, object], None]

USER, BIO = "src/shop/models/user.py", "    bio: Mapped[str | None]\n"
CHANGES = {
    "a new column": BIO + "    nick: Mapped[str | None]\n",
    "NOT NULL": "    bio: Mapped[str]\n",
}
READ = "LOCK TABLE users IN ACCESS SHARE MODE"
LOCK_TIMEOUT = 500  # in ms, the lock timeout of a migration
PATIENCE = 1000  # in ms, because the machine does other things too
TRIES = 3


@pytest.mark.parametrize("change", CHANGES)
async def test_a_migration_behind_a_reader_tries_again_and_no_writer_waits_for_long(
    change: str, project: Project, record_property: Record
) -> None:
    project.edit(USER, BIO, CHANGES[change])
    project.revise(change)
    with writers(project.url) as load:
        async with transaction(project, READ):
            command = project.start("upgrade", "head")
            told = [read_until(command, "trying again") for _ in range(TRIES)]
        with command:
            said, _ = command.communicate(timeout=60)

    record_property(
        f"{change}: longest wait of a writer behind {TRIES} tries", f"{load.longest:.0f} ms"
    )
    assert command.returncode == 0, said
    assert all("belongs to somebody, pid " in each for each in told)
    assert not load.errors
    assert load.longest < LOCK_TIMEOUT + PATIENCE
    project.alembic("check")


@pytest.mark.parametrize("change", CHANGES)
async def test_a_migration_behind_an_endless_reader_gives_up_and_changes_nothing(
    change: str, project: Project, fresh_database_url: URL
) -> None:
    project.edit(USER, BIO, CHANGES[change])
    project.revise(change)
    before = await describe(fresh_database_url)
    async with transaction(project, READ):
        code, said = project.attempt("upgrade", "head", MIGRATION_ATTEMPTS="2")
        assert code != 0
        assert said.count("belongs to somebody, pid ") == 2
        assert said.count("trying again") == said.count("giving up") == 1
        assert said.splitlines()[-1].startswith("FAILED: another transaction holds the lock")
        assert "Traceback" not in said
        assert await describe(fresh_database_url) == before

    project.alembic("upgrade", "head")
    project.alembic("check")
