"""Pages of a list over HTTP: the parameters `limit` and `cursor`, and the header `Link`.

::

    @router.get("/posts")
    async def posts(reads: Reads, paging: Paging, request: Request, response: Response) -> PageOf[PostOut]:
        page = await reads.posts.published(limit=paging.limit, cursor=paging.cursor)
        set_page_links(request, response, page)
        return page

If a cursor does not belong to the list, the response is 422. A list with filters takes a subclass of
`PageParameters`. With `extra="forbid"`, a filter with a wrong name is a 422 too, and not ignored::

    class PostParameters(PageParameters, extra="forbid"):
        author: Key | None = None

    async def posts(given: Annotated[PostParameters, Query()], …) -> PageOf[PostOut]: ...

The OpenAPI document has the header if the route has
`responses={200: {"headers": {"Link": {"schema": {"type": "string"}}}}}`.
"""

from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from ..paging.page import Page

T = TypeVar("T")


class PageParameters(BaseModel):
    """The parameters of a page: at most how many items, and `next` or `previous` of another page."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(max_length=2000)] = None


Paging = Annotated[PageParameters, Query()]


class PageOf(BaseModel, Generic[T]):
    """The response for a page. A route returns a `Page`, and FastAPI reads its attributes."""

    items: list[T]
    next: str | None
    previous: str | None


def set_page_links(request: Request, response: Response, page: Page[Any]) -> None:
    """Send the links to the next and the previous page as the header `Link` (RFC 8288)."""
    # With `FastAPI(root_path=…)` the path may lack the prefix of a proxy.
    prefix = request.scope.get("root_path", "")
    path = quote(prefix + request.scope["path"].removeprefix(prefix))
    given = [each for each in request.query_params.multi_items() if each[0] != "cursor"]
    for relation, cursor in (("next", page.next), ("prev", page.previous)):
        if cursor:
            # The link is relative, because this process may not know the host name of a proxy.
            query = urlencode([*given, ("cursor", cursor)])
            response.headers.append("Link", f'<{path}?{query}>; rel="{relation}"')
