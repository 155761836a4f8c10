"""Who changed what, and when: a row in a log for each row that changes, in the same transaction.

PostgreSQL writes the log, by a trigger on each audited table. So it sees what an ORM event cannot:
bulk statements, COPY, upserts, foreign keys that cascade, and SQL by hand.

The log is a model of yours, in `models/audit.py`, which `models/__init__.py` imports::

    class AuditEntry(audit.AuditEntry, Base):
        "One change of one row."

Then a model says that it is audited, and which of its columns the log never shows::

    class User(Audited, PrimaryKey, Timestamps, Base):
        __audit_exclude__ = ("password_hash",)

`just revision` writes the log's table, its function and the triggers into a revision, in plain SQL;
and later what changes of them. `actor.py` tells how the log learns who it is that acts. It is read
as any other model::

    select(AuditEntry).where(AuditEntry.about(User, user.id)).order_by(AuditEntry.id)

What an entry says:

* An insert has the new values, a delete the old ones, an update both of what changed, by columns.
* An update that changes nothing leaves no entry. One that changes excluded columns only has an entry
  without values: the log tells that a password was changed, but not to what.
* `key` is the primary key, before the change where the change is of the key.

Cost: each row that changes is another row to insert. With 20,000 rows a COPY took 12 times as long,
and an `UPDATE` of all of them 11 times; a single `UPDATE` by its key 1.8 times, round trip included.
Triggers for whole statements made that 6, 7 and 3, so they would pay only where most is bulk, and
they cannot pair rows whose key changes. What is written by the million and seldom asked about should
not be audited.

Limits: TRUNCATE, and what runs with `session_replication_role = replica`, leave no entries. The actor
is what the application says; `db_user` is the role that logged in, which nobody can choose. A role
that is not the owner of the tables can neither write the log nor leave it out, provided that it was
not granted so: see default privileges, and REVOKE them for this table. The owner and superusers can
do anything. The log grows for ever; delete from it by `at` as the law and your disk ask for.
"""

from .actor import Actor, actor_hook
from .model import Audited, AuditEntry

__all__ = ["Actor", "AuditEntry", "Audited", "actor_hook"]
