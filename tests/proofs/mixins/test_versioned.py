"""Optimistic locking: which writes check the version, and which increase it."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import ForeignKey, MetaData, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork, errors
from shop.db.engine.translation import translated
from shop.db.mixins import Timestamps, Versioned, bigint


class PageBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Page(bigint.PrimaryKey, Versioned, PageBase):
    __tablename__ = "pages"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "page"}

    kind: Mapped[str]
    title: Mapped[str]


class Form(Page):
    """A subclass in a second table, joined to the versioned table."""

    __tablename__ = "forms"
    __mapper_args__ = {"polymorphic_identity": "form"}

    id: Mapped[int] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True)
    fields: Mapped[str]


class Link(bigint.PrimaryKey, Versioned, Timestamps, PageBase):
    """A second versioned table, in another schema."""

    __tablename__ = "links"
    __table_args__ = {"schema": "web"}

    target: Mapped[str]


class Pages(db.Repository[Page, int]):
    model = Page


@pytest.fixture
async def wiki(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    """A database with one committed page, "old"."""
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE SCHEMA web")
            await connection.run_sync(PageBase.metadata.create_all)
        async with database.unit_of_work() as uow:
            await Pages(uow.session).add(Page(title="old"))
        yield database


async def page(uow: UnitOfWork) -> Page:
    return (await Pages(uow.session).all(order_by=[Page.id]))[0]


async def committed(database: Database[UnitOfWork]) -> tuple[str, int]:
    async with database.unit_of_work() as uow:
        found = await page(uow)
        return found.title, found.version


async def change(database: Database[UnitOfWork]) -> None:
    """Change the page in another session."""
    async with database.sessions.begin() as session:
        await session.execute(update(Page).values(title="theirs"))


async def test_every_way_to_insert_writes_version_1(wiki: Database[UnitOfWork]) -> None:
    table = PageBase.metadata.tables["pages"]
    async with wiki.unit_of_work() as uow:
        added = await Pages(uow.session).add(Page(title="added"))
        assert added.version == 1
        await Pages(uow.session).add_many([Page(title="b"), Page(title="c")])
        await uow.session.execute(insert(Page), [{"title": "d"}, {"title": "e"}])
        await uow.session.execute(insert(table), [{"kind": "page", "title": "f"}])
        assert set(await uow.session.scalars(select(Page.version))) == {1}


async def test_a_flush_increases_the_version_once(wiki: Database[UnitOfWork]) -> None:
    async with wiki.unit_of_work() as uow:
        found = await page(uow)
        for expected in 2, 3:
            await Pages(uow.session).update(found, title=f"{expected}")
            assert found.version == expected
        found.title = func.upper("x")  # the flush handles an expression differently
        await uow.session.flush()
        assert found.version == 4

    assert await committed(wiki) == ("X", 4)


async def test_a_flush_that_changes_nothing_keeps_the_version(wiki: Database[UnitOfWork]) -> None:
    async with wiki.unit_of_work() as uow:
        await Pages(uow.session).update(await page(uow), title="old")

    assert await committed(wiki) == ("old", 1)


async def test_a_stale_update_is_refused(wiki: Database[UnitOfWork]) -> None:
    with pytest.raises(errors.StaleData):
        async with wiki.unit_of_work() as uow:
            found = await page(uow)
            await change(wiki)
            await Pages(uow.session).update(found, title="mine")

    assert await committed(wiki) == ("theirs", 2)


async def test_a_stale_write_at_the_end_of_a_unit_of_work_is_refused(
    wiki: Database[UnitOfWork],
) -> None:
    with pytest.raises(errors.StaleData):
        async with wiki.unit_of_work() as uow:
            (await page(uow)).title = "mine"
            await change(wiki)

    assert await committed(wiki) == ("theirs", 2)


async def test_a_stale_delete_is_refused(wiki: Database[UnitOfWork]) -> None:
    with pytest.raises(errors.StaleData):
        async with wiki.unit_of_work() as uow:
            found = await page(uow)
            await change(wiki)
            await Pages(uow.session).delete(found)

    assert await committed(wiki) == ("theirs", 2)


async def test_a_row_that_is_up_to_date_is_deleted(wiki: Database[UnitOfWork]) -> None:
    await change(wiki)
    async with wiki.unit_of_work() as uow:
        await Pages(uow.session).delete(await page(uow))
        assert await Pages(uow.session).count() == 0


@pytest.mark.parametrize("way", ["the ORM", "Core"])
async def test_an_update_statement_increases_the_version(
    wiki: Database[UnitOfWork], way: str
) -> None:
    target = Page if way == "the ORM" else PageBase.metadata.tables["pages"]
    async with wiki.unit_of_work() as uow:
        await uow.session.execute(update(target).values(title="new"))

    assert await committed(wiki) == ("new", 2)


async def test_an_update_statement_says_which_versions_it_expects(
    wiki: Database[UnitOfWork],
) -> None:
    async with wiki.unit_of_work() as uow:
        statement = update(Page).values(title="new").returning(Page.id)
        assert (await uow.session.scalars(statement.where(Page.version == 7))).all() == []
        assert len((await uow.session.scalars(statement.where(Page.version == 1))).all()) == 1


async def test_an_update_from_another_versioned_table_is_not_ambiguous(
    wiki: Database[UnitOfWork],
) -> None:
    async with wiki.unit_of_work() as uow:
        uow.session.add(Link(target="old"))
        await uow.session.flush()
        await uow.session.execute(
            update(Page).where(Page.title == Link.target).values(title="linked")
        )
        await uow.session.execute(
            update(Link).where(Page.version > Link.version).values(target=Page.title)
        )
        link = (await uow.session.scalars(select(Link))).one()
        assert (link.target, link.version) == ("linked", 2)

    assert await committed(wiki) == ("linked", 2)


async def test_an_update_statement_expires_the_changed_attributes(
    wiki: Database[UnitOfWork],
) -> None:
    async with wiki.unit_of_work() as uow:
        found = await page(uow)
        await uow.session.execute(update(Page).values(title="new"))
        with pytest.raises(errors.UnitOfWorkError, match="not loaded"):
            print(found.version)

        await Pages(uow.session).update(found, title="newer")  # the flush reads it again
        assert found.version == 3


async def test_an_update_by_key_checks_the_version_of_each_row(wiki: Database[UnitOfWork]) -> None:
    async with wiki.unit_of_work() as uow:
        key = (await page(uow)).id
        await uow.session.execute(update(Page), [{"id": key, "version": 1, "title": "new"}])
    assert await committed(wiki) == ("new", 2)

    with pytest.raises(errors.StaleData):
        async with wiki.unit_of_work() as uow:
            await uow.session.execute(update(Page), [{"id": key, "version": 1, "title": "stale"}])
    with pytest.raises(KeyError, match="version"):
        async with wiki.unit_of_work() as uow:
            await uow.session.execute(update(Page), [{"id": key, "title": "blind"}])
    assert await committed(wiki) == ("new", 2)


async def test_a_joined_table_shares_the_version_of_its_parent(wiki: Database[UnitOfWork]) -> None:
    async with wiki.unit_of_work() as uow:
        uow.session.add(form := Form(title="form", fields="a"))
        await uow.session.flush()
        form.fields = "b"
        await uow.session.flush()
        assert form.version == 2
    with pytest.raises(errors.StaleData):
        async with wiki.unit_of_work() as uow:
            found = (await uow.session.scalars(select(Form))).one()
            await change(wiki)
            found.fields = "c"
            with translated:
                await uow.session.flush()


async def test_the_flush_of_a_model_with_timestamps_reads_both_back(
    wiki: Database[UnitOfWork],
) -> None:
    async with wiki.unit_of_work() as uow:
        uow.session.add(link := Link(target="a"))
        await uow.session.flush()
        created = link.updated_at
    async with wiki.unit_of_work() as uow:
        uow.session.add(link)
        link.target = "b"
        await uow.session.flush()
        assert link.version == 2
        assert link.updated_at > created
