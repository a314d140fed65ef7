"""Random labels of classification jobs: their exports, and their ratings by the quality contract."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from helpers import exporting

ANNOTATORS = ("ann", "bob", "cyd", "dan", "eve")
START = datetime(2026, 1, 2, 20, tzinfo=UTC)  # a Friday evening
JOBS = ("KIND", "COLOUR", "SAME", "EQUAL", "DECIDES", "LONE")
Answer = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Label:
    """A label; `answer` has the categories by job, where None is no answer at all."""

    project_id: str | None
    asset_id: str
    annotator_id: str
    created_at: datetime
    answer: Answer
    is_text_named: bool
    label_type: str = "DEFAULT"
    is_used_for_consensus: bool | None = None


@dataclass(frozen=True)
class Rating:
    """The rating by an annotator's latest work label in a job."""

    project_id: str | None
    job_name: str
    asset_id: str
    annotator_id: str
    created_at: datetime
    rating: str

    @property
    def week(self) -> date:
        return self.created_at.date() - timedelta(days=self.created_at.weekday())


def answer(rng: random.Random, number: int, annotator: int) -> Answer:
    """Mostly the truth; each job is at times left empty, but for those made to have one kind of statistic."""
    truth = number % 3
    kinds = ("A", "B", "C", "Ä")
    kind = kinds[truth] if rng.random() < 0.6 else rng.choice(kinds)
    both = (kind, kinds[(truth + 1) % 3]) if rng.random() < 0.15 else (kind,)
    given = {
        "KIND": both,
        "COLOUR": ("red",) if rng.random() < 0.9 else ("blue",),
        "SAME": ("only",),
        "EQUAL": ("x", "y")[number % 2 :][:1],
        "DECIDES": ("often",) if number else (("often", "once")[annotator % 2],),
        "LONE": ("alone",),
    }
    left_empty = {"KIND", "COLOUR"} if rng.random() < 0.2 else set()
    return {
        job: tuple(sorted({*names}))
        for job, names in given.items()
        if job not in left_empty and (job != "LONE" or annotator == 0)
    }


def labels(seed: int, project_id: str | None, count: int) -> list[Label]:
    """Labels of so many assets by some of five annotators each, some twice, over five weeks; some reviewed."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        asset_id = f"{project_id} {number:03}"
        used = rng.choice((None, True, True, False)) if number else True
        chosen = rng.sample(range(5), rng.choice((1, 2, 2, 3, 3, 3, 4, 5)) if number else 2)
        chosen = chosen if number else [0, 1]
        for annotator in chosen + chosen[: rng.randrange(2)]:
            at = START + timedelta(minutes=rng.randrange(35 * 24 * 60), seconds=len(made) % 60)
            said = answer(rng, number, annotator)
            made.append(
                Label(project_id, asset_id, ANNOTATORS[annotator], at, said, rng.random() < 0.5, "DEFAULT", used)
            )
        if rng.random() < 0.3:
            at = START + timedelta(days=40, minutes=number)
            made.append(Label(project_id, asset_id, "rex", at, answer(rng, number, 1), False, "REVIEW", used))
    return made


def exported(made: list[Label]) -> Iterator[dict[str, Any]]:
    """The assets of an export with those labels."""
    for asset_id in sorted({label.asset_id for label in made}):
        own = [label for label in made if label.asset_id == asset_id]
        yield exporting.asset(
            asset_id,
            *(
                exporting.label(
                    {job: {"categories": [{"name": name} for name in names]} for job, names in label.answer.items()}
                    | ({"TEXT": {"text": "same"}} if label.is_text_named else {}),
                    author={"id": label.annotator_id},
                    labelType=label.label_type,
                    createdAt=label.created_at.isoformat(),
                )
                for label in own
            ),
            projectId=own[0].project_id,
            isUsedForConsensus=own[0].is_used_for_consensus,
        )


def latest(made: list[Label]) -> list[Label]:
    """The latest work label of each annotator on each consensus asset."""
    work = [label for label in made if label.label_type == "DEFAULT" and label.is_used_for_consensus is not False]
    found = {(label.asset_id, label.annotator_id): label for label in sorted(work, key=lambda label: label.created_at)}
    return list(found.values())


def ratings(made: list[Label]) -> list[Rating]:
    return [
        Rating(label.project_id, job, label.asset_id, label.annotator_id, label.created_at, " | ".join(names))
        for label in latest(made)
        for job, names in label.answer.items()
    ]
