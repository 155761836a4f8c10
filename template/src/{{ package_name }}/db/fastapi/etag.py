"""Optimistic locking over HTTP: a client sends the version that it has read with its change.

::

    @router.patch("/posts/{key}", responses=problem_responses(404, 412))
    async def edit(
        uow: Work, key: Key, given: PostChange, response: Response, if_match: IfMatch = None
    ) -> PostOut:
        post = await uow.posts.get_one(key)
        check_if_match(post, if_match)
        await uow.posts.update(post, **given.model_dump(exclude_unset=True))
        set_etag(response, post)
        return post

The model needs the mixin `Versioned`. `check_if_match` compares the versions, and the UPDATE compares
them again. So if two clients send the same version, one of them gets 412. The OpenAPI document has the
header if the route has `responses={200: {"headers": {"ETag": {"schema": {"type": "string"}}}}}`.
"""

from typing import Annotated

from fastapi import Header, Response
from sqlalchemy import inspect

from ..errors import StaleData

IfMatch = Annotated[str | None, Header(alias="If-Match")]
"""The header `If-Match`: an ETag, several ETags, `*`, or None. Without `= None` clients must send it.

Limits: FastAPI reads only the first line of it. So a client that sends several ETags writes one line.
"""


def set_etag(response: Response, entity: object) -> None:
    """Send the version of an entity as the header `ETag`.

    Raises:
        TypeError: the model has no version.
    """
    response.headers["ETag"] = _etag(entity)


def check_if_match(entity: object, if_match: str | None) -> None:
    """Compare the version of an entity with the header `If-Match`. None and `*` match every version.

    Raises:
        StaleData: the client has read another version. The response is 412.
        TypeError: the model has no version.
    """
    given = ("*" if if_match is None else if_match).split(",")
    if {"*", _etag(entity)}.isdisjoint(each.strip() for each in given):
        raise StaleData


def _etag(entity: object) -> str:
    mapper = inspect(entity, raiseerr=True).mapper
    if mapper.version_id_col is None:
        raise TypeError(f"{mapper.class_.__name__} has no version: add the mixin Versioned")
    version = getattr(entity, mapper.get_property_by_column(mapper.version_id_col).key)
    return f'"{version}"'
