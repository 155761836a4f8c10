"""The queries of the domain for organisations. They need no tenant."""

from typing import Any

from sqlalchemy import func, select

from .. import db
from ..models import Key, Organisation


class OrganisationQueries(db.ReadRepository[Organisation, Key]):
    model = Organisation

    async def by_name(self, name: str) -> Organisation | None:
        return await self.one_or_none(Organisation.name == name)


class OrganisationRepository(OrganisationQueries, db.Repository[Organisation, Key]):
    async def new_key(self) -> Key:
        """Return the key of a new organisation.

        The tenant of a unit of work is given at its beginning. So the unit of work that adds an organisation
        and its first user needs the key before that.
        """
        default: Any = Organisation.__table__.c.id.default
        if default is not None and default.is_callable:
            key: Key = default.arg(None)
            return key
        counter = func.pg_get_serial_sequence("organisations", "id")
        counted: Key = (await self.session.scalars(select(func.nextval(counter)))).one()
        return counted
