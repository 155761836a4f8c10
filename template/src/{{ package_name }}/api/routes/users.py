"""Users, and the account of the user who is logged in."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ...db import AllowedFields, Page
from ...db.fastapi import PageOf, problem_responses, set_page_links
from ...models import Key, User
from ...services.users import register, remove
from ..dependencies import Reads, Work
from ..schemas import LINKS, Account, NewUser, PublicUser, UserChange, UserParameters
from ..security import CurrentUser, LockedUser

router = APIRouter(prefix="/users", tags=["users"])

FIELDS = AllowedFields({"username": User.username, "created": User.created_at})


@router.post("", status_code=201, responses=problem_responses(409))
async def register_user(uow: Work, given: NewUser) -> Account:
    """Register a user."""
    user = await register(uow, **given.model_dump())
    return Account.model_validate(user)


@router.get("", response_model=PageOf[PublicUser], responses=LINKS)
async def list_users(
    reads: Reads,
    given: Annotated[UserParameters, Query()],
    request: Request,
    response: Response,
) -> Page[User]:
    """List the active users. `sort` is `username` or `created`, and `-` before it means descending."""
    page = await reads.users.paginate(
        User.active, order_by=FIELDS.order_by(given.sort), limit=given.limit, cursor=given.cursor
    )
    set_page_links(request, response, page)
    return page


@router.get("/me", response_model=Account, responses=problem_responses(401))
async def read_account(user: CurrentUser) -> User:
    """Read the account of the user who is logged in."""
    return user


@router.patch("/me", response_model=Account, responses=problem_responses(401))
async def change_account(uow: Work, user: LockedUser, given: UserChange) -> User:
    """Change the account of the user who is logged in."""
    return await uow.users.update(user, **given.model_dump(exclude_unset=True))


@router.delete("/me", status_code=204, responses=problem_responses(401))
async def remove_account(uow: Work, user: LockedUser) -> None:
    """Delete the user who is logged in, with the posts of this user."""
    await remove(uow, user.id)


@router.get("/{user}", response_model=PublicUser, responses=problem_responses(404))
async def read_user(reads: Reads, user: Key) -> User:
    """Read a user."""
    return await reads.users.get_one(user)
