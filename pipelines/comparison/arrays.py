"""NumPy array types and operations of the comparison: sums by group, whole-number columns and 64-bit hashes."""

from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Shapes = npt.NDArray[np.object_]

_DIGEST_BYTES: Final = 8


def intersection_over_union(shared: Floats, union: Floats, is_same: Flags) -> Floats:
    """Intersection over union, 0 to 1. An empty union gives 1 if both sides are the same, else 0.

    Sizes that overflow, such as those of coordinates of 1e200, count as no intersection.
    """
    ratio = np.divide(shared, union, out=is_same.astype(float), where=union > 0)
    return np.clip(np.nan_to_num(ratio, nan=0.0), 0, 1)


def group_sums(group: Integers, values: Floats, group_count: int) -> Floats:
    """The sum of the values in each group. `group` is the group's number, below `group_count`, of each value.

    Values are added in ascending order, so that the order of rows never changes the last bit of a sum.
    """
    order = np.argsort(values)
    return np.bincount(group[order], values[order], group_count).astype(float)


def group_products(group: Integers, values: Floats, group_count: int) -> Floats:
    """The product of the values in each group, 1 for an empty group. Multiplies in ascending order, as `group_sums`."""
    order = np.argsort(values)
    result = np.ones(group_count)
    np.multiply.at(result, group[order], values[order])
    return result


def integers(table: pa.Table, column: str) -> Integers:
    """A column of whole numbers; -1 for null."""
    return np.asarray(table[column].fill_null(-1).to_numpy(), dtype=np.int64)


def hash_bytes(content: bytes) -> int:
    """A hash of 63 bits, so that -1 can stand for null. It depends on the content alone, not on the batch."""
    return int.from_bytes(blake2b(content, digest_size=_DIGEST_BYTES).digest(), "big") >> 1


def hash_texts(column: pa.ChunkedArray) -> Integers:
    """The hash of each text, as `hash_bytes` gives it; -1 for null."""
    encoded = pa.chunked_array(column.chunks, pa.string()).combine_chunks().dictionary_encode()
    texts = encoded.dictionary.cast(pa.binary()).to_pylist()
    digests = b"".join([blake2b(text, digest_size=_DIGEST_BYTES).digest() for text in texts])
    hashes = np.append((np.frombuffer(digests, ">u8") >> np.uint64(1)).astype(np.int64), -1)
    return hashes[encoded.indices.fill_null(len(hashes) - 1).to_numpy()]


def hash_rows(*columns: npt.NDArray[np.generic]) -> Hashes:
    """One hash for each row of columns of whole numbers, by splitmix64. Equal rows have equal hashes.

    With 64 bits, two different rows of a batch of a million share a hash once in 37 million batches.
    """
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashes ^= column.astype(np.uint64)
        hashes += np.uint64(0x9E3779B97F4A7C15)
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes ^= hashes >> np.uint64(31)
    return hashes
