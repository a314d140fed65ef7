"""Comparisons do not depend on the order of rows, pairs and jobs, or on the size of batches: equal bit for bit."""

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.comparing import Answer, annotations, box, chosen, named_jobs

from pipelines.comparison import compare
from pipelines.comparison.method import Method

PLACES = [n / 7 for n in range(4)]


def entity(chance: random.Random, mid: str) -> Answer:
    begin = chance.randrange(12)
    said = {"beginOffset": begin, "endOffset": begin + chance.randrange(1, 9), "content": "x"}
    return {"mid": mid, "categories": [{"name": chance.choice("AB")}], **said}


def relation(chance: random.Random) -> Answer:
    start, end = chance.choices("01234", k=2)
    ends = {"startEntities": [{"mid": start}], "endEntities": [{"mid": end}]}
    return {"mid": "r", "categories": [{"name": chance.choice("AB")}], **ends}


def boxes(chance: random.Random, count: int) -> Answer:
    """Boxes on a coarse grid, so that some are repeated and many matchings have the same sum."""
    drawn = []
    for _ in range(chance.randrange(count)):
        x, y = chance.choices(PLACES, k=2)
        colors = chosen(*chance.sample("RGB", chance.randrange(3)), job="COLOR")
        texts = {"TEXT": {"text": "".join(chance.choices("ab ", k=4))}}
        children = {name: said for name, said in (colors | texts).items() if chance.random() < 0.6}
        drawn.append(box(x, y, x + chance.choice(PLACES) + 0.1, y + 0.3, chance.choice("AB"), children=children))
    return {"annotations": drawn}


def answer(chance: random.Random) -> Answer:
    if chance.random() < 0.2:
        return {
            str(frame): {"BOX": boxes(chance, 4)} | chosen(*chance.sample("AB", chance.randrange(3)))
            for frame in range(40)
        }
    jobs = {
        "BOX": boxes(chance, 6),
        "OTHER": boxes(chance, 3),
        "NER": {"annotations": [entity(chance, mid) for mid in "01234"]},
        "REL": {"annotations": [relation(chance) for _ in range(3)]},
        "TEXT": {"text": "".join(chance.choices("abc", k=5))},
        **chosen(*chance.sample("ABCD", chance.randrange(4))),
    }
    return {name: said for name, said in jobs.items() if chance.random() < 0.8}


def compared(pairs: list[tuple[Answer, Answer]], size: int, chance: random.Random) -> tuple[Any, ...]:
    """Scores, job rows and edit rows of pairs that are shuffled and compared in batches of a size."""
    table, named = annotations(*pairs), named_jobs(*pairs)
    order = chance.sample(range(len(pairs)), len(pairs))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    results = [
        compare.compare(
            rows(table, batch, chance), rows(named, batch, chance), pa.array(map(str, batch), pa.string()), Method()
        )
        for batch in batches
    ]
    scores = np.concatenate([result.scores for result in results])[np.argsort(order)]
    return [repr(score) for score in scores.tolist()], *(
        sorted(map(repr, pa.concat_tables(tables).to_pylist()))
        for tables in ([result.jobs for result in results], [result.edits for result in results])
    )


def rows(table: pa.Table, pairs: list[int], chance: random.Random) -> pa.Table:
    """The rows of some pairs, shuffled; pairs are numbered by their place in the list."""
    number = {pair: place for place, pair in enumerate(pairs)}
    given = table["pair"].to_pylist()
    chosen_rows = [row for row, pair in enumerate(given) if pair in number]
    chosen_rows = chance.sample(chosen_rows, len(chosen_rows))
    column = pa.array([number[given[row]] for row in chosen_rows], pa.int64())
    return table.take(pa.array(chosen_rows, pa.int64())).set_column(0, "pair", column)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_rows_jobs_and_pairs_in_any_batches_give_the_same_results(seed: int) -> None:
    chance = random.Random(seed)
    pairs = [(answer(chance), answer(chance)) for _ in range(60)]
    expected = compared(pairs, len(pairs), chance)
    for size in (1, 2, 7, len(pairs)):
        assert compared(pairs, size, chance) == expected
