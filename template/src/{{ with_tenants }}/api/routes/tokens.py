"""Logging in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials, OAuth2PasswordRequestForm

from ...db.fastapi import problem_responses
from ...db.tenancy import Tenant
from ..dependencies import Opened
from ..schemas import Token
from ..security import Tokens, create_token, has_password, token_settings, unauthorized


@asynccontextmanager
async def check_settings(_: FastAPI) -> AsyncIterator[None]:
    """Read the settings at startup. Otherwise only the first log-in would notice a missing secret."""
    token_settings()
    yield


_basic = HTTPBasic(auto_error=False)


async def get_client(request: Request) -> HTTPBasicCredentials | None:
    """Return the client of a log-in from a header. Swagger UI sends it there.

    If a route took `HTTPBasic` itself, the dialog of Swagger UI would show a second form.
    """
    return await _basic(request)


Client = Annotated[HTTPBasicCredentials | None, Depends(get_client)]

router = APIRouter(prefix="/tokens", tags=["tokens"], lifespan=check_settings)


@router.post("", responses=problem_responses(401))
async def log_in(
    database: Opened,
    settings: Tokens,
    given: Annotated[OAuth2PasswordRequestForm, Depends()],
    client: Client,
    response: Response,
) -> Token:
    """Return a token for an organisation, an e-mail address and a password.

    `client_id` is the name of the organisation. It may also be the user in a header for HTTP Basic.
    `username` is the e-mail address.
    """
    name = given.client_id or (client.username if client else "")
    async with database.unit_of_work(read_only=True) as reads:
        organisation = await reads.organisations.by_name(name)
    user = None
    if organisation:
        tenant = Tenant(organisation.id)
        async with database.unit_of_work(read_only=True, info=tenant) as reads:
            user = await reads.users.by_email(given.username)
    # The check of a password takes long, so it runs after the unit of work has ended.
    right = await has_password(user, given.password)
    if user is None or not right or not user.active:
        raise unauthorized("the e-mail address or the password is wrong")
    response.headers["Cache-Control"] = "no-store"  # as RFC 6749 demands
    return Token(access_token=create_token(user, settings), expires_in=settings.token_lifetime)
