"""Scores by Kili's documented numbers: the test vectors T1 to T11 and R1 to R3 of the format page, section 3."""

import pytest
from helpers.comparing import box, chosen, compared, objects, score

A = (0.437473570026755, 0.28769191191267807, 0.7235387616200971, 0.662407024077585)
B = (0.537473570026755, *A[1:])
TRUTH = (0.6101435505380516, 0.39426226491370664, 0.8962087421313937, 0.7689773770786136)
R1, R2, R3 = 0.16527040499137607, 0.20754115450190522, 0.6504290982818591


def boxed(*corners: float, **more: object) -> dict[str, object]:
    return objects(box(*corners, **more))


def nested(category: str) -> dict[str, object]:
    return {"children": chosen(category, job="COLOR")}


TEN = [(0.1 * n, 0.0, 0.1 * n + 0.05, 0.5) for n in range(10)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(chosen("red"), chosen("blue", "red"), 0.5, id="T1 docs"),
        pytest.param(chosen("red"), chosen("red"), 1, id="T2 same"),
        pytest.param(chosen("red"), chosen("blue"), 0, id="T2 different"),
        pytest.param(chosen("English"), chosen("French", "English"), 0.5, id="T3 legacy docs"),
        pytest.param(boxed(*A), boxed(*A, category="BUS"), 0, id="T5 class is compared"),
        pytest.param(boxed(*A, **nested("RED")), boxed(*A, **nested("BLUE")), 0, id="T6 wrong nested choice"),
        pytest.param(
            boxed(0, 0, 1, 1, **nested("RED")), boxed(0, 0, 0.81, 1, **nested("RED")), 0.9, id="T7 geometric mean"
        ),
        pytest.param(objects(box(*A), box(*A)), boxed(*A), 0.5, id="T8 one of two"),
        pytest.param(chosen("red", "green"), chosen("blue", "red"), 1 / 3, id="T11 jaccard"),
    ],
)
def test_documented_scores(left: dict[str, object], right: dict[str, object], expected: float) -> None:
    assert score(left, right) == pytest.approx(expected, abs=1e-12)
    assert score(right, left) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(A, TRUTH, R1, id="R1 honeypot"),
        pytest.param(B, TRUTH, R2, id="R2 honeypot"),
        pytest.param(A, B, R3, id="R3 consensus"),
    ],
)
def test_scores_equal_those_of_kilis_server(left: tuple[float, ...], right: tuple[float, ...], expected: float) -> None:
    """T4. The server works on some grid of its own, so it is off by less than 1e-6."""
    assert score(boxed(*left), boxed(*right)) == pytest.approx(expected, abs=1e-6)


def test_a_job_weighs_as_much_as_it_has_objects() -> None:
    """T10: 20 objects at 0.9 and 5 transcriptions at 0.4."""
    boxes = [(x0, y0 + dy, x1, y1 + dy) for dy in (0, 0.5) for x0, y0, x1, y1 in TEN]
    lower = [(x0, y0, x1, y0 + 0.9 * (y1 - y0)) for x0, y0, x1, y1 in boxes]
    left = objects(*(box(*b) for b in boxes)) | {f"TEXT_{n}": {"text": "abcdef"} for n in range(5)}
    right = objects(*(box(*b) for b in lower)) | {f"TEXT_{n}": {"text": "abcxyz"} for n in range(5)}
    assert score(left, right) == pytest.approx(0.8, abs=1e-12)


def test_dice_of_bigrams() -> None:
    said = [("night", "nacht"), ("same", "same"), ("a", "a"), ("a", "b"), ("", "ab"), ("ab", "ba"), ("aaaa", "aa")]
    found = compared(*(({"T": {"text": left}}, {"T": {"text": right}}) for left, right in said)).scores
    assert found.tolist() == pytest.approx([0.25, 1, 1, 0, 0, 0, 2 * 1 / (3 + 1)])
