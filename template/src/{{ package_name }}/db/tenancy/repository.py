"""Repositories that find a tenant's rows by their `id` alone.

::

    class ReadRepository(tenancy.ReadRepository[M, Key]): ...
    class Repository(ReadRepository[M], tenancy.Repository[M, Key]): ...

    await uow.posts.get(id)  # the same as `get((tenant_id, id))`, with the tenant of the session

The methods that take keys accept both forms. `update_rows` and a conflict target need the `tenant_id`.
"""

from typing import Any, cast

from ..repository import read, write
from ..repository.read import K, M
from .tenant import NoTenant, tenant_of


class ReadRepository(read.ReadRepository[M, K]):
    """Read the rows of `model`. `K` is the type of its `id`."""

    def _identity(self, key: Any) -> tuple[Any, ...]:
        if not isinstance(key, tuple):
            if not (tenant := tenant_of(self.session.sync_session)):
                raise NoTenant
            key = tenant.id, key
        return super()._identity(cast("K", key))


class Repository(ReadRepository[M, K], write.Repository[M, K]):
    """Read the rows of `model`, and change them."""
