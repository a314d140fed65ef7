"""The versions that stand with what is loaded, and when to raise them. An upgraded warehouse needs no other step."""

from typing import Final

LOADER_VERSION: Final = "2"
"""Raise it when a record may be rejected, stored or counted otherwise than before.

Every export is then read once more. Rows of unchanged assets are not written again; what was rejected gets a new try.
"""

FLATTEN_VERSION: Final = 3
"""Raise it when an answer may give other annotations than before.

Every stored answer is then taken apart once more, and all pairs of labels are compared again.
"""
