"""The NumPy arrays that the comparison works on."""

from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]
Shapes = npt.NDArray[np.object_]

_BYTES: Final = 8


def overlap(shared: Floats, union: Floats, same: Flags) -> Floats:
    """Intersection over union, 0 to 1; where there is no union, 1 for the same and 0 for others.

    Sizes that overflow (coordinates of 1e200) share nothing.
    """
    found = np.divide(shared, union, out=same.astype(float), where=union > 0)
    return np.clip(np.nan_to_num(found, nan=0.0), 0, 1)


def sums(group: Integers, values: Floats, count: int) -> Floats:
    """Sums of values by group, `group` one of `count` for each value.

    Values are added from the least to the greatest, so the result does not depend on their order in the batch.
    """
    order = np.argsort(values)
    return np.bincount(group[order], values[order], count).astype(float)


def products(group: Integers, values: Floats, count: int) -> Floats:
    """Products of values by group, 1 for no value; computed in the same order as `sums`."""
    order = np.argsort(values)
    result = np.ones(count)
    np.multiply.at(result, group[order], values[order])
    return result


def numbers(table: pa.Table, column: str) -> Integers:
    """A column of whole numbers; -1 for null."""
    return np.asarray(table[column].fill_null(-1).to_numpy(), dtype=np.int64)


def key(content: bytes) -> int:
    """A hash of some content, from 0, equal in every batch."""
    return int.from_bytes(blake2b(content, digest_size=_BYTES).digest(), "big") >> 1


def keys(column: pa.ChunkedArray) -> Integers:
    """The keys of texts; -1 for null."""
    encoded = pa.chunked_array(column.chunks, pa.string()).combine_chunks().dictionary_encode()
    texts = encoded.dictionary.cast(pa.binary()).to_pylist()
    digests = b"".join([blake2b(text, digest_size=_BYTES).digest() for text in texts])
    found = np.append((np.frombuffer(digests, ">u8") >> np.uint64(1)).astype(np.int64), -1)
    return found[encoded.indices.fill_null(len(found) - 1).to_numpy()]


def hash_rows(*columns: npt.NDArray[np.generic]) -> Keys:
    """A hash of each row of integer columns (splitmix64); different rows of a batch have different hashes.

    With 64 bits, two different rows of a million share a hash in one of 37 million batches.
    """
    keys = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        keys ^= column.astype(np.uint64)
        keys += np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys ^= keys >> np.uint64(31)
    return keys
