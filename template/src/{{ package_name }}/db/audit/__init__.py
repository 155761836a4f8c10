"""A log of who changed which row, and when. Each change of a row adds an entry in its transaction.

A trigger on each audited table writes the log. So the log also has the changes that an ORM event does
not see: bulk statements, COPY, upserts, foreign keys that cascade, and SQL by hand.

Add the log to your models in `models/audit.py`, and import it in `models/__init__.py`::

    class AuditEntry(audit.AuditEntry, Base):
        "One change of one row."

Then mark each audited model, and name the columns that the log must not show::

    class User(Audited, PrimaryKey, Timestamps, Base):
        __audit_exclude__ = ("password_hash",)

`just revision` writes the table of the log, its function and the triggers into a revision, in plain
SQL. Later it writes their changes. `actor.py` describes how the log learns who acts. Read the log like
any other model::

    select(AuditEntry).where(AuditEntry.about(User, user.id)).order_by(AuditEntry.id)

What an entry has:

* The entry of an insert has the new values. The entry of a delete has the old values. The entry of an
  update has the old and the new values of the changed columns.
* An update that changes nothing adds no entry. An update that changes only excluded columns adds an
  entry without values. So the log tells that a password was changed, but shows no password.
* `key` is the primary key. If a change gives a row another key, it is the key before the change.

Cost: each changed row inserts another row. With 20,000 rows, a COPY took 12 times as long, and an
`UPDATE` of all rows 11 times. An `UPDATE` of one row by its key took 1.8 times as long, with its round
trip. Triggers for whole statements took 6, 7 and 3 times as long, so they would help only with bulk
changes. They also cannot match rows whose key changes. Do not audit a table with millions of changes
that nobody asks about.

Limits:

* TRUNCATE adds no entry, and neither does a session with `session_replication_role = replica`.
* The actor is what the application says. `db_user` is the role that logged in.
* The owner of the tables and superusers can change the log. Other roles cannot change it, and cannot
  avoid it, unless somebody granted them that: look at the default privileges, and REVOKE them.
* The log is never emptied. Delete old entries by `at`, as the law and your disk require.
"""

from .actor import Actor, actor_hook
from .model import Audited, AuditEntry

__all__ = ["Actor", "AuditEntry", "Audited", "actor_hook"]
