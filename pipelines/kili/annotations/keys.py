"""Keys of annotations: 32 hexadecimal digits derived from the answer and the annotation's place (JSON pointer) in it.

The key of a list item is the hash of the list's place plus the item's position. A list is therefore hashed once, and
the keys of many items are computed in columns.
"""

import binascii
import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

_BYTES: Final = 16
_DIGITS: Final = 2 * _BYTES


class AnswerKeys:
    """Computes the keys of the annotations of one answer."""

    def __init__(self, label_key: str, response_hash: str) -> None:
        self._prefix = hashlib.blake2b(f"{label_key}{response_hash}".encode(), digest_size=_BYTES)

    def hash_place(self, place: str) -> bytes:
        """Returns the hash of a place."""
        digest = self._prefix.copy()
        digest.update(place.encode())
        return digest.digest()

    def key(self, place: str) -> str:
        """Returns the key of the annotation at a place."""
        list_place, _, position = place.rpartition("/")
        is_position = position.isascii() and position.isdecimal() and str(int(position)) == position
        return item_key(self.hash_place(list_place), int(position)) if is_position else self.hash_place(place).hex()


def item_key(list_hash: bytes, position: int) -> str:
    """Returns the key of the item at a position of a list, given the hash of the list's place."""
    return f"{(int.from_bytes(list_hash) + position) % (1 << 8 * _BYTES):0{_DIGITS}x}"


def item_keys(list_hashes: Sequence[bytes], lists: np.ndarray, positions: Sequence[int]) -> pa.Array:
    """Returns the keys of many list items.

    `list_hashes`: the hashes of the lists' places; `lists`: the index into them for each item.
    """
    halves = np.frombuffer(b"".join(list_hashes), ">u8").reshape(-1, 2)[lists]
    offsets = np.array(positions, np.uint64)
    low = halves[:, 1] + offsets
    high = halves[:, 0] + (low < offsets)
    digits = binascii.hexlify(np.stack([high, low], axis=1).astype(">u8").tobytes())
    ends = np.arange(len(offsets) + 1, dtype=np.int32) * _DIGITS
    return pa.Array.from_buffers(pa.string(), len(offsets), [None, pa.py_buffer(ends), pa.py_buffer(digits)])
