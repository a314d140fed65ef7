"""The project week after week: pictures come in, are labelled, reviewed, sent back and labelled again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from helpers.story import cast
from helpers.story.answers import Answer, Answers


@dataclass
class Label:
    """A label; a skip has no answer."""

    id: str
    author: cast.Person
    created_at: datetime
    label_type: Literal["DEFAULT", "REVIEW", "PREDICTION"]
    answer: Answer | None
    seconds: float
    model_name: str | None = None
    is_honeypot: bool = False
    is_sent_back: bool = False


@dataclass
class Asset:
    """A picture, what it shows, and its labels, the oldest first."""

    id: str
    number: int
    role: cast.Role
    created_at: datetime
    truth: Answer
    labels: list[Label] = field(default_factory=list)

    def latest(self, label_type: str, author: cast.Person | None = None) -> Label | None:
        """The latest label of a type that is no skip, by one author or by anyone."""
        answers = [label for label in reversed(self.labels) if label.label_type == label_type and label.answer]
        return next((label for label in answers if author in (None, label.author)), None)


class Project:
    """The project as it goes on; `assets` is its present state."""

    def __init__(self, seed: int = cast.SEED) -> None:
        self.assets: list[Asset] = []
        self._rng = random.Random(seed)
        self._answers = Answers(self._rng)
        self._to_label: dict[cast.Person, list[Asset]] = {person: [] for person in cast.ANNOTATORS}
        self._to_review: dict[cast.Person, list[Asset]] = {person: [] for person in cast.REVIEWERS}

    def weeks(self) -> Iterator[datetime]:
        """Plays one week at a time and gives the Monday morning after it."""
        self._upload(0)
        for week in range(cast.WEEKS):
            monday = cast.FIRST_MONDAY + timedelta(weeks=week)
            for day in range(5):
                self._work(monday + timedelta(days=day), week)
            self._upload(week + 1)
            yield monday + timedelta(weeks=1, hours=6)

    def _upload(self, batch: int) -> None:
        """On Friday afternoon pictures come with predictions and go to annotators."""
        at = cast.FIRST_MONDAY + timedelta(weeks=batch, days=-3, hours=16, minutes=30)
        new = self._batch(batch, at)
        waiting = [asset for asset in self.assets if not asset.latest("DEFAULT")] if batch in cast.MODELS else []
        self.assets += new
        self._predict(waiting + new, batch, at + timedelta(minutes=20))
        for asset in new:
            for person in self._rng.sample(cast.ANNOTATORS, cast.ANNOTATOR_COUNT[asset.role]):
                self._to_label[person].append(asset)

    def _batch(self, batch: int, at: datetime) -> list[Asset]:
        roles = [role for role, count in cast.BATCH_ROLES.items() for _ in range(count)]
        roles = self._rng.sample(roles, len(roles))
        wrong = roles.index("honeypot") if batch == cast.WRONG_TRUTH_BATCH else None
        first = batch * cast.BATCH + 1
        return [self._asset(first + n, role, at, is_truth_wrong=n == wrong) for n, role in enumerate(roles)]

    def _predict(self, assets: list[Asset], batch: int, at: datetime) -> None:
        model = cast.MODELS[max(first for first in cast.MODELS if first <= batch)]
        for asset in assets:
            answer = self._answers.predicted(asset.truth, model, at)
            asset.labels.append(Label(self._id(), cast.NORA, at, "PREDICTION", answer, 0, model.name))

    def _asset(self, number: int, role: cast.Role, at: datetime, *, is_truth_wrong: bool) -> Asset:
        asset = Asset(self._id(), number, role, at, self._answers.scene(at))
        if role == "honeypot":
            truth = self._answers.scene(at) if is_truth_wrong else asset.truth
            made = at + timedelta(minutes=self._rng.uniform(2, 18))
            seconds = self._seconds(cast.NORA, truth)
            asset.labels.append(Label(self._id(), cast.NORA, made, "REVIEW", truth, seconds, is_honeypot=True))
        return asset

    def _work(self, day: datetime, week: int) -> None:
        """A working day. Pictures labelled on it go to reviewers at its end; reviewers work in the afternoon."""
        labelled = []
        for person, queue in self._to_label.items():
            clock = day + timedelta(hours=8, minutes=self._rng.uniform(15, 60))
            for asset in _taken(queue, self._rng.randint(2, 5)):
                clock += timedelta(minutes=self._rng.uniform(2, 50))
                clock = self._label(asset, person, clock, week)
                labelled.append(asset)
        for person, queue in self._to_review.items():
            clock = day + timedelta(hours=13, minutes=self._rng.uniform(10, 40))
            for asset in _taken(queue, 9):
                clock += timedelta(minutes=self._rng.uniform(1, 18))
                clock = self._review(asset, person, clock)
        for asset in labelled:
            self._hand_over(asset)

    def _label(self, asset: Asset, person: cast.Person, begun: datetime, week: int) -> datetime:
        """Labels a picture, or skips it; returns when."""
        before = asset.latest("DEFAULT", person)
        if not before and asset.role == "single" and self._rng.random() < cast.SKIPPED:
            self._to_label[self._other(cast.ANNOTATORS, person)].append(asset)
            return self._add(asset, person, begun, "DEFAULT", None, self._rng.uniform(4, 20))
        start = before or asset.latest("PREDICTION")
        assert start
        assert start.answer
        answer = self._answers.corrected(start.answer, asset.truth, _careful(person) if before else person, begun)
        seconds = self._seconds(person, answer) * person.pace**week
        return self._add(asset, person, begun, "DEFAULT", answer, seconds)

    def _review(self, asset: Asset, person: cast.Person, begun: datetime) -> datetime:
        """Accepts a label, fixes it, or sends it back; returns when. Some go to a second reviewer, who only fixes."""
        work, review = asset.latest("DEFAULT"), asset.latest("REVIEW")
        assert work
        is_second = review is not None and review.created_at > work.created_at
        start = review.answer if is_second else work.answer
        assert start
        answer = self._answers.corrected(start, asset.truth, person, begun)
        at = self._add(asset, person, begun, "REVIEW", answer, self._seconds(person, answer))
        if is_second:
            return at
        if asset.role == "single" and start.changes(answer) > person.patience:
            work.is_sent_back = True
            self._to_label[work.author].insert(0, asset)
        elif self._rng.random() < cast.REVIEWED_AGAIN:
            self._to_review[self._other(tuple(cast.REVIEWERS), person)].append(asset)
        return at

    def _hand_over(self, asset: Asset) -> None:
        """Gives a picture that has all its labels to a reviewer; work that was sent back to the one who did that."""
        authors = {label.author.id for label in asset.labels if label.label_type == "DEFAULT" and label.answer}
        if len(authors) < cast.ANNOTATOR_COUNT[asset.role]:
            return
        if asset.role == "single" and (review := asset.latest("REVIEW")):
            self._to_review[review.author].append(asset)
        elif self._rng.random() < cast.REVIEWED[asset.role]:
            reviewer = self._rng.choices(list(cast.REVIEWERS), list(cast.REVIEWERS.values()))[0]
            self._to_review[reviewer].append(asset)

    def _add(
        self,
        asset: Asset,
        person: cast.Person,
        begun: datetime,
        label_type: Literal["DEFAULT", "REVIEW"],
        answer: Answer | None,
        seconds: float,
    ) -> datetime:
        at = begun + timedelta(seconds=seconds)
        asset.labels.append(Label(self._id(), person, at, label_type, answer, seconds))
        return at

    def _seconds(self, person: cast.Person, answer: Answer) -> float:
        return person.seconds * (0.5 + len(answer.vessels) / 6) * self._rng.lognormvariate(0, 0.25)

    def _other(self, people: tuple[cast.Person, ...], person: cast.Person) -> cast.Person:
        return self._rng.choice([other for other in people if other != person])

    def _id(self) -> str:
        return "cmg" + "".join(self._rng.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=22))


def _taken(queue: list[Asset], count: int) -> list[Asset]:
    """The first assets of a queue, which loses them."""
    taken, queue[:] = queue[:count], queue[count:]
    return taken


def _careful(person: cast.Person) -> cast.Person:
    """How someone labels a picture again after it was sent back."""
    return replace(person, overlooks=person.overlooks / 5, confusion=person.confusion / 5, hand=3, tolerance=7)
