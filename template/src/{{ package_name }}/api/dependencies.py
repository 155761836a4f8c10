"""What the routes depend on. The end of a route commits before the response begins."""

from typing import Annotated

from fastapi import Depends

from ..db.fastapi import get_database, unit_of_work_dependency
from ..unit_of_work import Database, ReadUnitOfWork, UnitOfWork

open_unit_of_work = unit_of_work_dependency()

Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
"""The transaction of a request that changes something. Another one cannot be open meanwhile."""

Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]
"""The transaction of a GET or HEAD. It is read-only."""

Opened = Annotated[Database, Depends(get_database)]
"""The database, for a streamed response or a background task: they open their own units of work."""
