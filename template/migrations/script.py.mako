"""${message.replace("\\", "\\\\").replace('"""', "'''")}

Revision: ${up_revision}${", after " if down_revision else ""}${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
phase = ${repr(config.attributes.get("phases", {}).get(up_revision, "expand"))}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
