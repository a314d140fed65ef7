"""How large a thing may be that is read from an export: hostile files are refused before they fill disk or memory."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """Limits in bytes, and as a multiple of the packed size.

    entry_bytes: what a packed file, or an entry of a zip, may unpack to; it is unpacked to disk.
    ratio: how many times its packed size that may be; 180 for static video, the most repetitive export there is, and
        1,000 for a zip bomb.
    record_bytes: the longest record; it is held in memory whole.
    """

    entry_bytes: int = 8 << 30
    ratio: int = 400
    record_bytes: int = 1 << 30


DEFAULT: Final = Limits()
