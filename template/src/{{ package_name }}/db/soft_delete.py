"""Rows that are hidden instead of deleted, and can be brought back.

::

    class User(PrimaryKey, SoftDelete, Base):
        __table_args__ = (
            Index(None, "email", unique=True, postgresql_where=text("deleted_at IS NULL")),
        )

    class UserRepository(SoftDeletes[User, Key], Repository[User]):
        model = User

A query shows hidden rows when it has the execution option `include_deleted=True`. With the index
above a hidden row frees its e-mail. Such an index is no constraint: a foreign key cannot refer to
it. A repository's `upsert` finds it in the model by its columns; an ON CONFLICT of your own must name
it by `index_elements` and `index_where`.

Not for what the law wants gone, that is `purge`; and not for a history, that is an audit.

Hidden rows and…                                          are
========================================================  ==========================================
ORM selects: entities, columns, aliases, joins, EXISTS,   covered
subqueries, unions, counts, eager loads, `session.get`
`update(Model).where(…)`                                  covered: it changes rows that are alive
`delete(Model)`, `session.delete()`, orphans              refused; `delete(Model)` with
                                                          `include_deleted=True` really deletes
`execute(update(Model), rows)`, rows by key               refused without `include_deleted=True`
`get` of an entity that is in the session                 covered where a repository here hid it, not
                                                          where another transaction did
`session.refresh`                                         shown: who has the entity may read it
a required parent (many-to-one)                           None when it is loaded; its children vanish
                                                          with an inner join
foreign keys                                              nothing follows: hide the children too;
                                                          `ON DELETE` acts at `purge`
Core upon the table, INSERT … SELECT, raw SQL, COPY       shown, changed and deleted like others
ON CONFLICT                                               no conflict by the index above; one by key
                                                          changes the row, and it stays hidden
"""

from typing import Any

from sqlalchemy import ColumnExpressionArgument, delete, event, func, update
from sqlalchemy.orm import Mapper, ORMExecuteState, with_loader_criteria

from .begin import HookedSession
from .errors import NotFound, UnitOfWorkError
from .mixins import SoftDelete
from .read_repository import K, M
from .repository import Repository

_ALIVE = with_loader_criteria(
    SoftDelete, lambda model: model.deleted_at.is_(None), include_aliases=True
)


class SoftDeletes(Repository[M, K]):
    """A repository that hides rows of a model with the mixin `SoftDelete`.

    What it hides leaves the session too, with all that `cascade` lets follow, so that `get` does not
    find it there.
    """

    async def delete(self, entity: M) -> None:
        """Hide a row. `restore` brings it back.

        Raises:
            UnitOfWorkError: the row is not of this session.
            StaleData: the row is gone, or its version is another.
        """
        await self.update(entity, deleted_at=func.now())
        await self.session.refresh(entity, ["deleted_at"])
        self.session.expunge(entity)

    async def delete_where(self, *criteria: ColumnExpressionArgument[bool]) -> int:
        """Hide the rows that fit all criteria, in one statement; return how many."""
        mapper = self.model.__mapper__
        statement = update(self.model).where(*criteria).values(deleted_at=func.now())
        hidden = await self.session.execute(
            statement.returning(*mapper.primary_key),
            execution_options={"synchronize_session": False},
        )
        keys = hidden.all()
        for key in keys:
            identity = mapper.identity_key_from_primary_key(tuple(key))
            if (entity := self.session.identity_map.get(identity)) is not None:
                self.session.expunge(entity)
        return len(keys)

    async def restore(self, key: K) -> M:
        """Bring a hidden row back, and return it.

        Raises:
            NotFound: no hidden row has this key.
            UniqueViolation: another row has taken its place meanwhile.
        """
        statement = (
            update(self.model)
            .where(self._has_key([key]), self.model.__mapper__.columns.deleted_at.is_not(None))
            .values(deleted_at=None)
            .returning(self.model)
            .execution_options(include_deleted=True, populate_existing=True)
        )
        entity = (await self.session.scalars(statement)).one_or_none()
        if entity is None:
            raise NotFound(f"there is no deleted {self.model.__name__} with this key")
        return entity

    async def purge(self, key: K) -> None:
        """Really delete a row, hidden or not, and what its foreign keys delete with it.

        Raises:
            NotFound: there is none.
            ForeignKeyViolation: other rows still need it.
        """
        statement = (
            delete(self.model)
            .where(self._has_key([key]))
            .returning(*self.model.__mapper__.primary_key)
            .execution_options(include_deleted=True)
        )
        if (await self.session.execute(statement)).one_or_none() is None:
            raise NotFound(f"there is no {self.model.__name__} with this key")


@event.listens_for(SoftDelete, "instrument_class", propagate=True)
def _begin_to_hide(*_: object) -> None:
    # Not before there is such a model: each statement pays for the hook.
    if not event.contains(HookedSession, "do_orm_execute", _hide_deleted):
        event.listen(HookedSession, "do_orm_execute", _hide_deleted)


def _hide_deleted(state: ORMExecuteState) -> None:
    options = state.execution_options
    if options.get("include_deleted"):
        return
    if state.is_update or state.is_delete:
        rows_by_key = isinstance(state.parameters, list)
        mapper = state.bind_mapper
        if (state.is_delete or rows_by_key) and mapper and issubclass(mapper.class_, SoftDelete):
            raise UnitOfWorkError(
                f"{mapper.class_.__name__} hides its rows, and this statement would not: use a "
                "SoftDeletes repository, or the execution option include_deleted=True"
            )
    elif not state.is_select or state.is_column_load:
        return
    elif state.is_relationship_load and "include_deleted" in options:
        return  # the option has come with the statement that loads the parents
    state.update_execution_options(include_deleted=False)
    state.statement = state.statement.options(_ALIVE)


@event.listens_for(SoftDelete, "before_delete", propagate=True)
def _refuse_to_delete(mapper: Mapper[Any], *_: object) -> None:
    raise UnitOfWorkError(
        f"{mapper.class_.__name__} hides its rows, and this would delete one: use delete() or "
        "purge() of a SoftDeletes repository"
    )
