"""Mixins in models that inherit from each other.

A mixin that follows every change of a row belongs to the root class, because the methods of a parent
also read and change the rows of its subclasses. On a subclass only, it is refused where it is mapped.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper


class FollowsRows:
    """A mixin that follows every change of a row."""


@event.listens_for(FollowsRows, "instrument_class", propagate=True)
def _refuse_on_subclass(mapper: Mapper[Any], model: type[FollowsRows]) -> None:
    if mapper.inherits is None or mapper.concrete:  # it shares no rows
        return
    parent = mapper.inherits.class_
    for mixin in model.__mro__:
        if FollowsRows in mixin.__bases__ and not issubclass(parent, mixin):
            shared = f"{model.__name__} shares its rows with {parent.__name__}"
            raise TypeError(f"{shared}: give the mixin {mixin.__name__} to the root class")
