"""The tenant of a request. `app.py` gives `tenant_of_request` to all routes."""

from fastapi.requests import HTTPConnection

from ..db.fastapi.tenant import tenant_dependency
from ..db.tenancy import Tenant


async def get_tenant(request: HTTPConnection) -> Tenant | None:
    """Return the tenant of a request, or None. A route that needs one then answers 401.

    Replace this. Read the tenant from a token that your service has signed, and verify the token. Never
    read it from a path, a form, or a header that the client can choose.
    """
    return None


tenant_of_request = tenant_dependency(get_tenant)
