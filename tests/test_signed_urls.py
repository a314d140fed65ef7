"""Only signing parameters are removed from URLs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kili import signed_urls


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        ("https://s/x.jpg?X-Amz-Signature=a&X-Amz-Date=b&v=2", "https://s/x.jpg?v=2"),
        ("https://s/x.jpg?X-Goog-Algorithm=G&x-goog-signature=a", "https://s/x.jpg"),
        ("https://s/x?sv=1&se=2&sp=r&sig=abc%3D#page=2", "https://s/x#page=2"),
        ("https://s/x?Expires=1&Signature=a&Key-Pair-Id=k", "https://s/x"),
        ("gs://s/x?GoogleAccessId=1&Expires=2&Signature=a", "gs://s/x"),
        ("see https://s/x?sig=a and <https://s/y?sig=b>.", "see https://s/x and <https://s/y>."),
        ("https://s/x?Expires=1&se=2", "https://s/x?Expires=1&se=2"),
        ("https://s/x?design=a&v=1", "https://s/x?design=a&v=1"),
        ("what?sig=a", "what?sig=a"),
        ("https://s/x", "https://s/x"),
    ],
)
def test_signing_parameters_are_removed_only_from_signed_urls(signed: str, expected: str) -> None:
    assert signed_urls.unsigned({"a": [signed, 1, None], "b": signed}) == {"a": [expected, 1, None], "b": expected}
    assert signed_urls.unsigned(signed) == expected
    assert signed == expected or signed_urls.may_be_signed(signed.encode())


json_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.from_regex(r"https://a/b\?(v=1|sig=2)(&sig=\d)?", fullmatch=True),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
)


@given(json_values)
def test_removing_signatures_is_idempotent(value: Any) -> None:
    once = signed_urls.unsigned(value)
    assert "sig=" not in str(once) or "://" not in str(once)
    assert signed_urls.unsigned(once) == once


def test_signatures_are_removed_from_deep_values() -> None:
    value: Any = "https://a/b?sig=1"
    for _ in range(5000):
        value = [value]
    found = signed_urls.unsigned(value)
    while isinstance(found, list):
        (found,) = found
    assert found == "https://a/b"
