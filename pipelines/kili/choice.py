"""The warehouse's choice of pseudonyms, kept as a fingerprint of their key, so that no run mixes two choices."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipelines import rebuildable
from pipelines.kili import people
from pipelines.settings import BadSetting, Settings

FILE: Final = "pseudonyms.json"
"""The fingerprint of the key, in the warehouse's `work/`."""


def check(settings: Settings) -> None:
    """Compares the choice and key with those of the first run, which it stores. Raises `BadSetting` if they differ."""
    pseudonyms = people.from_settings(settings)
    chosen = pseudonyms.fingerprint if pseudonyms else None
    file = settings.work / FILE
    if not settings.database.exists():
        file.write_text(json.dumps({"key_fingerprint": chosen}))
        return
    first = json.loads(file.read_text())["key_fingerprint"] if file.exists() else None
    if chosen == first:
        return
    if chosen and first:
        raise BadSetting(f"KILI_PSEUDONYM_KEY is not the key with which the warehouse {settings.warehouse} was made")
    made, wanted = ("with", "true") if first else ("without", "false")
    raise BadSetting(
        f"the warehouse {settings.warehouse} was made {made} pseudonyms: set KILI_PSEUDONYMISE to {wanted}, or load "
        "into another warehouse"
    )


@contextmanager
def copies_removed(settings: Settings) -> Iterator[None]:
    """At the end, removes the local copies of remote exports, which name people, from a warehouse with pseudonyms."""
    try:
        yield
    finally:
        if settings.is_pseudonymised:
            rebuildable.remove(settings.work / "landing")
