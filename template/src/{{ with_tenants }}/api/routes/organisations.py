"""Organisations."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from ...db.fastapi import problem_responses
from ...db.tenancy import Tenant
from ...services.organisations import found
from ..dependencies import Opened
from ..schemas import Account, NewUser

router = APIRouter(prefix="/organisations", tags=["organisations"])


class NewOrganisation(NewUser):
    """An organisation with its first user."""

    name: Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9-]+$")]


@router.post("", status_code=201, responses=problem_responses(409))
async def found_organisation(database: Opened, given: NewOrganisation) -> Account:
    """Add an organisation, and register its first user. Users of it can then register others."""
    async with database.unit_of_work() as uow:
        key = await uow.organisations.new_key()
    async with database.unit_of_work(info=Tenant(key)) as uow:
        return Account.model_validate(await found(uow, key, **given.model_dump()))
