"""Transfers of credits."""

from fastapi import APIRouter, HTTPException

from ...db.fastapi import RetriedRoute, problem_responses
from ...services.credits import InsufficientCredits, transfer
from ..dependencies import Work
from ..idempotency import IdempotencyKeyHeader, run_once
from ..schemas import NewTransfer, Transfer
from ..security import CurrentUser

router = APIRouter(prefix="/transfers", tags=["transfers"], route_class=RetriedRoute)


@router.post("", status_code=201, responses=problem_responses(401, 404))
async def transfer_credits(
    uow: Work, user: CurrentUser, given: NewTransfer, idempotency_key: IdempotencyKeyHeader
) -> Transfer:
    """Transfer credits to another user. With the same key it takes effect once."""
    if given.recipient == user.id:
        raise HTTPException(422, "a transfer needs another user")

    async def work() -> Transfer:
        await transfer(uow, sender=user.id, recipient=given.recipient, amount=given.amount)
        return Transfer(**given.model_dump(), credits=user.credits)

    try:
        return await run_once(
            uow,
            work,
            user=user.id,
            route="transfers",
            key=idempotency_key,
            body=given,
            response=Transfer,
        )
    except InsufficientCredits as error:
        raise HTTPException(422, str(error)) from None
