"""Keys of annotations: 32 hexadecimal digits, from their answer and the place there.

The key of an item in a list is the hash of the list's place plus the item's position. So a list is hashed once, and
keys are computed in columns.
"""

import binascii
import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

_BYTES: Final = 16
_DIGITS: Final = 2 * _BYTES


class Answer:
    """The keys of one answer."""

    def __init__(self, label_key: str, response_hash: str) -> None:
        self._begun = hashlib.blake2b(f"{label_key}{response_hash}".encode(), digest_size=_BYTES)

    def hashed(self, place: str) -> bytes:
        """The hash of a place."""
        digest = self._begun.copy()
        digest.update(place.encode())
        return digest.digest()

    def key(self, place: str) -> str:
        """The key of a place, a JSON pointer."""
        of_list, _, position = place.rpartition("/")
        is_position = position.isascii() and position.isdecimal() and str(int(position)) == position
        return at(self.hashed(of_list), int(position)) if is_position else self.hashed(place).hex()


def at(hashed: bytes, position: int) -> str:
    """The key of a position in a list with this hash."""
    return f"{(int.from_bytes(hashed) + position) % (1 << 8 * _BYTES):0{_DIGITS}x}"


def column(hashed: Sequence[bytes], lists: np.ndarray, positions: Sequence[int]) -> pa.Array:
    """The keys of many positions. `lists`: the index of each position's list in `hashed`."""
    halves = np.frombuffer(b"".join(hashed), ">u8").reshape(-1, 2)[lists]
    at = np.array(positions, np.uint64)
    low = halves[:, 1] + at
    high = halves[:, 0] + (low < at)
    digits = binascii.hexlify(np.stack([high, low], axis=1).astype(">u8").tobytes())
    ends = np.arange(len(at) + 1, dtype=np.int32) * _DIGITS
    return pa.Array.from_buffers(pa.string(), len(at), [None, pa.py_buffer(ends), pa.py_buffer(digits)])
