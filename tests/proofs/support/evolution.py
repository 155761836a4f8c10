# ruff: noqa: S608  # The names of the tables are constants.
"""Two versions of the models of two tables, and the writes that each version of the code allows.

A state has a number for each object of the schema: 0 if the object does not exist, and otherwise its
form. The child refers to the parent. With `back`, the parent also refers to the child.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

import sqlalchemy as sa

from shop import db

State = Mapping[str, int]

FORMS = {
    "parent": 2,
    "child": 2,
    "code": 3,  # a narrow and a wide column
    "computed": 2,
    "default": 3,
    "unique": 7,
    "check": 4,
    "index": 4,
    "pcode": 2,
    "key": 5,  # the child's foreign key
    "back": 3,
    "self": 3,
}
"""The number of forms of each object. 0 is one of them: the object does not exist."""

BASE = {"parent": 1, "child": 1, "code": 1, "pcode": 1}

NEEDS = {
    "code": ["parent"],
    "default": ["code"],
    "computed": ["code"],
    "unique": ["code"],
    "check": ["code"],
    "index": ["code"],
    "pcode": ["child"],
    "key": ["pcode", "code", "unique", "child", "parent"],
    "back": ["child", "parent", "key"],
    "self": ["parent"],
}
"""For each object, the objects that it depends on. Each of them makes a pair."""


class Case(NamedTuple):
    """A change from one state to another one."""

    before: State
    after: State
    parent: str
    child: str

    def keeps_constraints(self) -> bool:
        """Return whether the foreign key and its UNIQUE do not both change."""
        return not all(self.before[name] != self.after[name] for name in ("key", "unique"))

    def is_refused(self) -> bool:
        """Return whether a foreign key prevents the change of a UNIQUE, or a computed column of a type."""
        before, after = self.before, self.after
        tied = before["key"] and after["key"] and (before["key"] == 4) == (after["key"] == 4)
        retyped = {before["code"], after["code"]} == {1, 2}
        computed = after["computed"] and (before["computed"] or after["code"] == 1)
        return bool((tied and before["unique"] != after["unique"]) or (retyped and computed))

    def dropped(self) -> list[str]:
        """Return the names of the tables and columns that the change may drop or rewrite."""
        columns = [f"{self.parent}.code", f"{self.parent}.upper", f"{self.child}.pcode"]
        return [self.parent, self.child, *columns]

    def __str__(self) -> str:
        changes = [
            f"{name} {self.before[name]}→{self.after[name]}"
            for name in FORMS
            if self.before[name] or self.after[name]
        ]
        return f"{self.parent}: {', '.join(changes)}"


def cases() -> list[Case]:
    """Return all changes of an object and of one that it depends on, in both orders of the names."""
    changes: dict[tuple[object, ...], tuple[State, State]] = {
        (tuple(before.values()), tuple(after.values())): (before, after)
        for name, others in NEEDS.items()
        for other in others
        for before, after in product(_states(name, other), repeat=2)
        if before != after
    }
    nothing = dict.fromkeys(FORMS, 0)
    for unique in (1, 3):
        circle = nothing | BASE | {"unique": unique, "key": 1, "back": 1, "self": 1}
        changes |= {(f"new {unique}",): (nothing, circle), (f"old {unique}",): (circle, nothing)}
    orders = [("alpha", "omega"), ("omega", "alpha")]
    return [Case(*states, *names) for states in changes.values() for names in orders]


def _states(*names: str) -> Iterator[State]:
    for forms in product(*(range(FORMS[name]) for name in names)):
        state = dict.fromkeys(FORMS, 0) | BASE | dict(zip(names, forms, strict=True))
        if state["key"] and "unique" not in names:
            state["unique"] = 1
        if not state["parent"] and "code" not in names:
            state["code"] = 0
        if not state["child"] and "pcode" not in names:
            state["pcode"] = 0
        if _is_possible(state):
            yield state


def _is_possible(state: State) -> bool:
    keys = {1: (1, 3, 5), 2: (1, 3, 5), 3: (1, 3, 5), 4: (2, 6)}
    return all(
        all(state[other] for other in others if (name, other) != ("back", "key"))
        for name, others in NEEDS.items()
        if state[name]
    ) and (not state["key"] or state["unique"] in keys[state["key"]])


def describe_models(state: State, parent: str, child: str) -> sa.MetaData:
    """Return the metadata of the models."""
    metadata = sa.MetaData(naming_convention=db.NAMING_CONVENTION)
    if state["parent"]:
        sa.Table(parent, metadata, *_parent_columns(state, parent, child))
    if state["child"]:
        sa.Table(child, metadata, *_child_columns(state, parent))
    return metadata


def _parent_columns(state: State, parent: str, child: str) -> Iterator[sa.schema.SchemaItem]:
    if state["computed"]:  # before the column that it needs
        yield sa.Column("upper", sa.Text, sa.Computed("upper(code)", persisted=True))
    yield sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    yield sa.Column("kind", sa.Text)
    if form := state["code"]:
        kind = [sa.String(20), sa.Text()][form - 1]
        default = [None, "x", "y"][state["default"]]
        yield sa.Column("code", kind, server_default=default)
    if form := state["unique"]:
        yield [
            sa.UniqueConstraint("code"),
            sa.UniqueConstraint("code", "kind"),
            sa.Index(f"ux_{parent}", "code", unique=True),
            sa.Index(f"ux_{parent}", sa.text("lower(code)"), unique=True),
            sa.UniqueConstraint("code", name="another_name"),
            sa.UniqueConstraint("code", "kind", name=f"uq_{parent}_code"),
        ][form - 1]
    if form := state["check"]:
        text = ["code <> ''", "code <> '' AND code <> '-'", "code <> ''"][form - 1]
        yield sa.CheckConstraint(text, name=["code", "code", "coded"][form - 1])
    if form := state["index"]:
        columns = [["code"], ["code", "kind"], ["code"]][form - 1]
        yield sa.Index([f"ix_{parent}", f"ix_{parent}", "ix_other"][form - 1], *columns)
    yield sa.Column("child_id", sa.Integer)
    if form := state["back"]:
        action = [None, "SET NULL"][form - 1]
        yield sa.ForeignKeyConstraint(
            ["child_id"], [f"{child}.id"], ondelete=action, use_alter=True
        )
    yield sa.Column("parent_id", sa.Integer)
    if form := state["self"]:
        action = [None, "SET NULL"][form - 1]
        yield sa.ForeignKeyConstraint(["parent_id"], [f"{parent}.id"], ondelete=action)


def _child_columns(state: State, parent: str) -> Iterator[sa.schema.SchemaItem]:
    yield sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    yield sa.Column("pkind", sa.Text)
    if state["pcode"]:
        yield sa.Column("pcode", sa.Text)
    if form := state["key"]:
        local, remote = ["pcode"], [f"{parent}.code"]
        if form == 4:
            local, remote = [*local, "pkind"], [*remote, f"{parent}.kind"]
        action = [None, "CASCADE", "SET NULL", None][form - 1]
        name = [None, None, "key", None][form - 1]
        yield sa.ForeignKeyConstraint(local, remote, ondelete=action, name=name)


class Write(NamedTuple):
    """A statement that a version of the code sends, and the objects that it needs."""

    sql: str
    needs: tuple[str, ...]
    refused_by: Mapping[str, tuple[int, ...]]

    def is_possible(self, state: State) -> bool:
        """Return whether the tables and columns exist."""
        return all(state[name] for name in self.needs)

    def is_refused(self, state: State) -> bool:
        """Return whether a constraint of the state refuses the statement."""
        return any(state[name] in forms for name, forms in self.refused_by.items())


def describe_writes(parent: str, child: str) -> list[Write]:
    """Return statements that constraints may refuse. The statements need a row with the key 1."""
    again = f"INSERT INTO {parent} (id, code, kind) SELECT 999, %s FROM {parent} WHERE id = 1"
    key = {"key": (1, 2, 3, 4)}
    return [
        Write(again % "code, kind", ("parent", "code"), {"unique": (1, 2, 3, 4, 5, 6)}),
        Write(again % "code, 'other'", ("parent", "code"), {"unique": (1, 3, 4, 5)}),
        Write(again % "upper(code), kind", ("parent", "code"), {"unique": (4,)}),
        Write(again % "'', kind", ("parent", "code"), {"check": (1, 2, 3)}),
        Write(again % "'-', kind", ("parent", "code"), {"check": (2,)}),
        Write(
            f"INSERT INTO {child} (id, pcode, pkind) VALUES (999, 'nobody', 'k')",
            ("child", "pcode"),
            key,
        ),
        Write(
            f"INSERT INTO {child} (id, pcode, pkind) "
            f"SELECT 999, code, 'other' FROM {parent} WHERE id = 1",
            ("child", "pcode", "parent", "code"),
            {"key": (4,)},
        ),
        Write(
            f"INSERT INTO {parent} (id, child_id) VALUES (999, 999)", ("parent",), {"back": (1, 2)}
        ),
        Write(
            f"INSERT INTO {parent} (id, parent_id) VALUES (999, 998)", ("parent",), {"self": (1, 2)}
        ),
    ]


def forget_rows(state: State, parent: str, child: str) -> Iterator[str]:
    """Yield statements that delete the rows with the keys 3 and 4."""
    if state["parent"]:
        yield f"UPDATE {parent} SET child_id = NULL WHERE id IN (3, 4)"
    for table, name in ((child, "child"), (parent, "parent")):
        if state[name]:
            yield f"DELETE FROM {table} WHERE id IN (3, 4)"


def forget_references(state: State, parent: str, child: str) -> Iterator[str]:
    """Yield statements that remove the references to dropped tables and columns."""
    if state["child"] and state["pcode"] and not state["code"]:
        yield f"UPDATE {child} SET pcode = NULL"
    if state["parent"] and not state["child"]:
        yield f"UPDATE {parent} SET child_id = NULL"


def describe_rows(state: State, parent: str, child: str, number: int) -> Iterator[str]:
    """Yield statements that write valid rows, as the code of a state does."""
    if state["parent"]:
        code = {"code": f"'c{number}'"} if state["code"] else {}
        yield _insert(parent, {"id": str(number), "kind": "'k'"} | code)
    if state["child"]:
        code = {"pcode": f"'c{number}'"} if state["pcode"] and state["code"] else {}
        yield _insert(child, {"id": str(number), "pkind": "'k'"} | code)
    if state["back"]:
        yield f"UPDATE {parent} SET child_id = id, parent_id = id WHERE id = {number}"


def _insert(table: str, values: Mapping[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"
