"""The versions that the warehouse stores with its rows, and when to raise them. An upgrade needs no other step."""

from typing import Final

LOADER_VERSION: Final = "2"
"""Raise it when a change can alter how records are rejected, stored or counted.

The next load then reads every export again. It retries rejected records and does not rewrite rows of unchanged assets.
"""

FLATTEN_VERSION: Final = 3
"""Raise it when a change can alter the annotations of an answer.

The next load then flattens every stored answer again, and the next comparison compares all pairs of labels again.
"""
