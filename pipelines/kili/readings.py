"""SQL that selects the current rows of `kili.exports`, which has a row for each time that an export was read."""

import hashlib
from typing import Final

_UNREADABLE: Final = "unreadable "
IS_UNREADABLE: Final = f"export_id = sha256('{_UNREADABLE}' || file_url)"
"""SQL condition: the row is about a file, folder or part of a folder that could not be read."""


def unreadable_id(file_url: str) -> str:
    """Returns the export_id of an unreadable file, whose content cannot be hashed."""
    return hashlib.sha256(f"{_UNREADABLE}{file_url}".encode()).hexdigest()


def newest(exports: str) -> str:
    """Returns SQL that selects the newest row of each export from `exports`, a table like `kili.exports`.

    A row about an unreadable file is dropped once a later load has read another export at or below the same address.
    """
    return f"""(
    with unreadable as (
        select export_id, file_url, _dlt_load_id from {exports} where {IS_UNREADABLE}
    ),
    read_since as (
        select distinct unreadable.export_id, unreadable._dlt_load_id
        from unreadable
        join {exports} as later on later._dlt_load_id > unreadable._dlt_load_id
            and later.export_id <> unreadable.export_id
            and (later.file_url = unreadable.file_url or starts_with(later.file_url, unreadable.file_url || '/'))
    )
    select * from {exports}
    anti join read_since using (export_id, _dlt_load_id)
    qualify row_number() over (partition by export_id order by _dlt_load_id desc) = 1
)"""
