"""The user of a request: passwords and tokens.

A token is a signed JWT (RFC 7519) with the keys of `claims.py`. It cannot be revoked. So it is valid for
a short time, and each request reads the user again.
"""

import asyncio
import datetime
from functools import cache
from typing import Annotated, Any

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import Field, SecretStr, ValidationError

from ..db import RowLock
from ..db.fastapi import WebSettings
from ..models import Key, User
from ..unit_of_work import ReadUnitOfWork, UnitOfWork
from .claims import Claims
from .dependencies import open_unit_of_work

_ALGORITHM = "HS256"
_LEEWAY = 10  # in seconds, because the clocks of two machines differ
_bearer = OAuth2PasswordBearer(tokenUrl="tokens", auto_error=False)


class TokenSettings(WebSettings):
    """The settings of tokens. All processes of the service need the same secret."""

    token_secret: Annotated[SecretStr, Field(min_length=32)]
    """The secret that signs tokens. If you change it, all tokens become invalid."""

    token_lifetime: Annotated[int, Field(gt=0)] = 3600
    """How long a token is valid, in seconds."""

    def __init__(self, **values: Any) -> None:  # otherwise type checkers demand the secret here
        super().__init__(**values)


@cache
def token_settings() -> TokenSettings:
    """Return the settings. A process reads them once."""
    return TokenSettings()


Tokens = Annotated[TokenSettings, Depends(token_settings)]


def create_token(user: User, settings: TokenSettings) -> str:
    """Return a token for a user who has given the right password."""
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(seconds=settings.token_lifetime)
    keys = {name: str(key) for name, key in Claims.of(user)}  # a token has its keys as text
    secret = settings.token_secret.get_secret_value()
    return jwt.encode({**keys, "iat": now, "exp": end}, secret, _ALGORITHM)


async def get_claims(
    settings: Tokens, token: Annotated[str | None, Depends(_bearer)]
) -> Claims | None:
    """Return the keys in the token of a request, or None if there is no token.

    Raises:
        HTTPException: this service did not sign the token, or it has expired (401).
    """
    if token is None:
        return None
    secret = settings.token_secret.get_secret_value()
    try:
        claims = jwt.decode(
            token, secret, [_ALGORITHM], options={"require": ["exp"]}, leeway=_LEEWAY
        )
        return Claims.model_validate(claims)
    except (jwt.InvalidTokenError, ValidationError) as error:
        raise unauthorized("the token is not valid: log in") from error


TokenClaims = Annotated[Claims | None, Depends(get_claims)]


async def get_token_user(claims: TokenClaims) -> Key | None:
    """Return the key of the user in the token of a request, or None if there is no token."""
    return claims.sub if claims else None


TokenUser = Annotated[Key | None, Depends(get_token_user)]
"""The key of the user, or None. The user may be deleted or inactive."""


async def get_current_user(
    uow: Annotated[UnitOfWork | ReadUnitOfWork, Depends(open_unit_of_work, scope="function")],
    key: TokenUser,
) -> User:
    """Return the user of a request. A request that writes prevents the deletion of the user."""
    prevent_deletion: RowLock = {"read": True, "key_share": True}
    return await get_active_user(
        uow, key, lock=prevent_deletion if isinstance(uow, UnitOfWork) else False
    )


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_locked_user(
    uow: Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")], key: TokenUser
) -> User:
    """Return the user of a request that changes or deletes this user. Other requests wait for it."""
    return await get_active_user(uow, key, lock=True)


LockedUser = Annotated[User, Depends(get_locked_user)]


async def get_active_user(
    uow: UnitOfWork | ReadUnitOfWork, key: Key | None, *, lock: bool | RowLock = False
) -> User:
    """Return the user of a token.

    Args:
        uow: the open unit of work.
        key: the key in the token, or None.
        lock: how the row is locked until the transaction ends.

    Raises:
        HTTPException: there is no token, or the user is deleted or inactive (401).
    """
    user = None if key is None else await uow.users.get(key, with_for_update=lock)
    if user is None or not user.active:
        raise unauthorized("log in first")
    return user


async def has_password(user: User | None, password: str) -> bool:
    """Return whether a user has this password. Without a user, the check takes the same time."""
    return await asyncio.to_thread(_verify, user.password_hash if user else None, password)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        PasswordHasher().verify(password_hash or _hash_of_nobody(), password)
    except VerificationError:
        return False
    except UnicodeError:  # half of a surrogate pair is no password
        return False
    return password_hash is not None


@cache
def _hash_of_nobody() -> str:
    return PasswordHasher().hash("")


def unauthorized(detail: str) -> HTTPException:
    """Return the error of a request without a valid token."""
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
