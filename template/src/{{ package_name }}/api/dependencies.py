"""The dependencies of the routes. A transaction is committed before the response begins."""

from typing import Annotated

from fastapi import Depends

from ..db.fastapi import get_database, unit_of_work_dependency
from ..unit_of_work import Database, ReadUnitOfWork, UnitOfWork

open_unit_of_work = unit_of_work_dependency()

Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
"""The transaction of a request that changes something. Do not open another one."""

Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]
"""The transaction of a GET or HEAD. It is read-only."""

Opened = Annotated[Database, Depends(get_database)]
"""The database. A streamed response or a background task opens its own unit of work with it."""
