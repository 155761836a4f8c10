"""Which modules compare the models with the database.

The list is explicit. A search would depend on the place of this file, and would load every file
with the right name. An option that is off has no directory, so it is left out.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from alembic.runtime.plugins import Plugin

_LAYER = __name__.removesuffix(".migrations.authoring.plugins")
_PLUGINS = ("migrations.authoring.comparison", "audit.autogenerate", "tenancy.autogenerate")


@cache  # Alembic accepts a plugin only once.
def load_plugins() -> tuple[str, ...]:
    """Register the modules as plugins of Alembic. Return their names."""
    names = tuple(
        f"{_LAYER}.{plugin}"
        for plugin in _PLUGINS
        if find_spec(f"{_LAYER}.{plugin.rpartition('.')[0]}")
    )
    for name in names:
        Plugin.setup_plugin_from_module(import_module(name), name)
    return names
