"""The tenant of a request. Your dependency finds it in a token, and verifies the token::

    tenant_of_request = tenant_dependency(get_tenant)

    app.include_router(router, dependencies=[Depends(tenant_of_request)])

All units of work of the request work for this tenant, also in a streamed response and in a background
task. They need no `info=`. In a `RetriedRoute`, each attempt finds the tenant again. The log has the
`tenant_id` in the lines of the request, from this dependency to the end.

If a request names no tenant, a route that needs none works, and a route that needs one answers 401.
A route without this dependency answers 500, because that is a mistake of the program.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Annotated

from fastapi import Depends, HTTPException
from structlog.contextvars import bind_contextvars

from .tenant import NoTenant, Tenant, tenant_scope


def tenant_dependency(find: Callable[..., object]) -> Callable[..., AsyncIterator[None]]:
    """Return the dependency that gives a request its tenant, until the response has ended.

    Args:
        find: a dependency that returns a `Tenant`, or None if the request names none. It raises an
            `HTTPException` with the status 401 if a token is not valid.
    """

    async def work_for(tenant: Annotated[Tenant | None, Depends(find)]) -> AsyncIterator[None]:
        if tenant:
            bind_contextvars(tenant_id=str(tenant.id))
        try:
            with tenant_scope(tenant) if tenant else nullcontext():
                yield
        except NoTenant as error:
            if tenant:
                raise
            challenge = {"WWW-Authenticate": "Bearer"}  # RFC 9110 demands it
            raise HTTPException(401, "this needs a tenant: log in", challenge) from error

    return work_for
