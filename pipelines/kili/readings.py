"""Which ledger rows are valid: the newest of each export; that of an unreadable file until the file is read."""

import hashlib
from typing import Final

_UNREADABLE: Final = "unreadable "
IS_UNREADABLE: Final = f"export_id = sha256('{_UNREADABLE}' || file_url)"
"""SQL: whether a row of the ledger is of a file, folder or part of a folder that could not be read."""


def unreadable_id(file_url: str) -> str:
    """The export_id of an unreadable address, which has no content to hash."""
    return hashlib.sha256(f"{_UNREADABLE}{file_url}".encode()).hexdigest()


def newest(exports: str) -> str:
    """SQL: the newest row of each export in a table like `kili.exports`.

    A row about an unreadable file is valid until a later load has another export at this address, or below it.
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
