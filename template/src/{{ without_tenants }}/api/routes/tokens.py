"""Logging in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.security import OAuth2PasswordRequestForm

from ...db.fastapi import problem_responses
from ..dependencies import Opened
from ..schemas import Token
from ..security import Tokens, create_token, has_password, token_settings, unauthorized


@asynccontextmanager
async def check_settings(_: FastAPI) -> AsyncIterator[None]:
    """Read the settings at startup. Otherwise only the first log-in would notice a missing secret."""
    token_settings()
    yield


router = APIRouter(prefix="/tokens", tags=["tokens"], lifespan=check_settings)


@router.post("", responses=problem_responses(401))
async def log_in(
    database: Opened,
    settings: Tokens,
    given: Annotated[OAuth2PasswordRequestForm, Depends()],
    response: Response,
) -> Token:
    """Return a token for an e-mail address and a password. `username` is the e-mail address."""
    async with database.unit_of_work(read_only=True) as reads:
        user = await reads.users.by_email(given.username)
    # The check of a password takes long, so it runs after the unit of work has ended.
    right = await has_password(user, given.password)
    if user is None or not right or not user.active:
        raise unauthorized("the e-mail address or the password is wrong")
    response.headers["Cache-Control"] = "no-store"  # as RFC 6749 demands
    return Token(access_token=create_token(user, settings), expires_in=settings.token_lifetime)
