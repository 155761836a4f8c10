"""A project that writes revisions of tenants' tables."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.proofs.support import own_migrations


class Project(own_migrations.Project):
    """Its catalogue has the tables and columns with what row-level security does."""

    CATALOGUE = """
SELECT concat_ws(' ', relname, relrowsecurity, relforcerowsecurity) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname !~ '^alembic'
UNION ALL SELECT concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, attnotnull) FROM pg_attribute
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'))
AND attnum > 0 AND NOT attisdropped AND attrelid::regclass::text !~ '^alembic'
"""


@pytest.fixture
async def project(tmp_path: Path, fresh_database_url: URL, pytestconfig: pytest.Config) -> Project:
    """A project without models, and without revisions."""
    return await Project.create(tmp_path, fresh_database_url, pytestconfig.rootpath)
