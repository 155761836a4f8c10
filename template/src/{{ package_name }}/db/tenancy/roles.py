"""Whether the role of a program is bound by the policies.

PostgreSQL does not apply policies to superusers, to roles with BYPASSRLS, and to views whose owner is not
bound. A role with REPLICATION could read all changes, and the owner of a table could switch its policies
off. Then each row of each tenant is visible, and nothing fails. So the program asks the catalogue first.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, MetaData, text

from ..errors import SettingsError
from .model import has_tenant

_ROLES = text(
    "SELECT rolname, rolname = session_user FROM pg_roles WHERE (rolsuper OR rolbypassrls"
    " OR rolreplication) AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY 2 DESC, 1"
)
# The tables, their partitions, and the views that read one of them, directly or by another view.
_READERS = text(
    "WITH RECURSIVE tables(oid) AS ("
    " SELECT CAST(to_regclass(name) AS oid) FROM unnest(CAST(:names AS text[])) AS name"
    " UNION SELECT inhrelid FROM pg_inherits JOIN tables ON inhparent = oid"
    "), readers(oid) AS (SELECT oid FROM tables"
    " UNION SELECT ev_class FROM readers JOIN pg_depend ON refobjid = oid"
    " AND refclassid = 'pg_class'::regclass AND classid = 'pg_rewrite'::regclass"
    " JOIN pg_rewrite AS rule ON rule.oid = objid"
    ") SELECT CAST(CAST(oid AS regclass) AS text) AS name, relkind IN ('v', 'm') AS is_view,"
    " relrowsecurity AND relforcerowsecurity AS forced,"
    " pg_has_role(session_user, relowner, 'MEMBER') AS owned,"
    " has_any_column_privilege(oid, 'SELECT, INSERT, UPDATE')"
    " OR has_table_privilege(oid, 'DELETE') AS usable,"
    " EXISTS (SELECT FROM pg_options_to_table(reloptions)"
    " WHERE option_name = 'security_invoker' AND CAST(option_value AS boolean)) AS invoker"
    " FROM readers JOIN pg_class USING (oid) ORDER BY name"
)


class UnsafeRole(SettingsError):
    """The role of the program could see the rows of other tenants."""

    summary = "the role of the program could see the rows of other tenants"


def find_leaks(connection: Connection, metadata: MetaData) -> list[str]:
    """Return a sentence for each reason why the role of a connection could see rows of others.

    Args:
        connection: a connection with the role and the database of the program.
        metadata: the metadata of all models.
    """
    return [*_of_role(connection), *_of_tables(connection, metadata)]


def _of_role(connection: Connection) -> Iterator[str]:
    for name, is_self in connection.execute(_ROLES).all():
        if is_self:
            yield (
                f'the role "{name}" is a superuser, or has BYPASSRLS or REPLICATION, so policies do not '
                "bind it: let DATABASE_URL name another role"
            )
            return  # a superuser is a member of all roles
        yield f'the role is a member of "{name}", which policies do not bind: revoke that'


def _of_tables(connection: Connection, metadata: MetaData) -> Iterator[str]:
    quoted = connection.dialect.identifier_preparer.format_table
    names = [quoted(table) for table in metadata.sorted_tables if has_tenant(table)]
    for each in connection.execute(_READERS, {"names": names}).all():
        if each.is_view:
            if each.usable and not each.invoker:
                yield (
                    f"the view {each.name} works with the rights of its owner: create it WITH "
                    "(security_invoker = true), or revoke all rights on it"
                )
        elif not each.forced:
            yield (
                f"{each.name} has no forced row-level security: apply the revisions, and write the "
                "policies of a partition by hand"
            )
        elif each.owned:
            yield (
                f"the role could switch off the policies of {each.name}: let another role own the "
                "table"
            )
