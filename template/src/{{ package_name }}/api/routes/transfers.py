"""Transfers of credits."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException

from ...db.fastapi import RetriedRoute, problem_responses
from ...services.credits import InsufficientCredits, transfer
from ...services.idempotency import KeyReused, run_once
from ..dependencies import Work
from ..schemas import NewTransfer, Transfer
from ..security import CurrentUser

router = APIRouter(prefix="/transfers", tags=["transfers"], route_class=RetriedRoute)

IdempotencyKey = Annotated[str, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
"""A text that the client chooses for a request, such as a UUID."""


@router.post("", status_code=201, response_model=Transfer, responses=problem_responses(401, 404))
async def transfer_credits(
    uow: Work, user: CurrentUser, given: NewTransfer, idempotency_key: IdempotencyKey
) -> dict[str, Any]:
    """Transfer credits to another user. If a client repeats a request, it takes effect only once."""
    if given.recipient == user.id:
        raise HTTPException(422, "a transfer needs another user")
    request = given.model_dump(mode="json")

    async def work() -> dict[str, Any]:
        await transfer(uow, sender=user.id, recipient=given.recipient, amount=given.amount)
        return {**request, "credits": user.credits}

    try:
        return await run_once(
            uow,
            work,
            user=user.id,
            operation="transfer",
            key=idempotency_key,
            request=request,
        )
    except (InsufficientCredits, KeyReused) as error:
        raise HTTPException(422, str(error)) from None
