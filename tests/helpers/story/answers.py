"""What a picture of the harbour shows, and what models and people with their habits make of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from helpers.story import cast

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: thousandths of the picture's width and height."""


@dataclass(frozen=True)
class Vessel:
    """A vessel as someone sees it. `number` says which one of the picture it is; 0 is one that is not there."""

    number: int
    mid: str
    category: str
    motion: str
    box: Box


@dataclass(frozen=True)
class Answer:
    """What a label says of a picture."""

    sea_state: str
    visibility: str
    vessels: tuple[Vessel, ...]

    def by_number(self) -> dict[int, Vessel]:
        return {vessel.number: vessel for vessel in self.vessels}

    def changes(self, other: "Answer") -> int:
        """How many vessels and classifications the other answer has differently."""
        mine, others = self.by_number(), other.by_number()
        vessels = sum(mine.get(number) != others.get(number) for number in mine.keys() | others.keys())
        return vessels + (self.sea_state != other.sea_state) + (self.visibility != other.visibility)


class Answers:
    """Makes answers by chance; `at` is when, which names the vessels drawn."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def scene(self, at: datetime) -> Answer:
        """What a picture shows."""
        count = self._rng.choice((1, 2, 2, 3, 3, 3, 4, 5))
        vessels = tuple(self._vessel(number, at) for number in range(1, count + 1))
        return Answer(self._one_of(cast.SEA_STATES), self._one_of(cast.VISIBILITIES), vessels)

    def predicted(self, truth: Answer, model: cast.Model, at: datetime) -> Answer:
        """What a model sees in it."""
        vessels = [self._seen(vessel, model, at) for vessel in truth.vessels if not self._happens(model.mistakes)]
        if self._happens(model.ghosts):
            vessels.append(self._vessel(0, at))
        sea_state = self._mistaken(truth.sea_state, cast.SEA_STATES, model.mistakes)
        return Answer(sea_state, self._mistaken(truth.visibility, cast.VISIBILITIES, model.mistakes), tuple(vessels))

    def corrected(self, start: Answer, truth: Answer, person: cast.Person, at: datetime) -> Answer:
        """What someone leaves of an answer after looking for its mistakes."""
        shown = start.by_number()
        vessels = [self._looked_at(shown.get(vessel.number), vessel, person, at) for vessel in truth.vessels]
        vessels += [vessel for vessel in start.vessels if vessel.number == 0 and self._happens(person.overlooks)]
        sea_state = self._mistaken(truth.sea_state, cast.SEA_STATES, person.opinion)
        return Answer(
            start.sea_state if self._happens(person.overlooks) else sea_state,
            start.visibility if self._happens(person.overlooks) else truth.visibility,
            tuple(vessel for vessel in vessels if vessel),
        )

    def _vessel(self, number: int, at: datetime) -> Vessel:
        left, top = self._rng.randint(20, 700), self._rng.randint(350, 700)
        box = (left, top, left + self._rng.randint(80, 250), top + self._rng.randint(80, 200))
        return Vessel(number, self._mid(at), self._one_of(cast.VESSELS), self._one_of(cast.MOTIONS), box)

    def _seen(self, true: Vessel, model: cast.Model, at: datetime) -> Vessel:
        category = self._mistaken(true.category, cast.VESSELS, model.mistakes)
        motion = self._mistaken(true.motion, cast.MOTIONS, model.mistakes)
        return Vessel(true.number, self._mid(at), category, motion, self._drawn(true.box, model.hand))

    def _looked_at(self, shown: Vessel | None, true: Vessel, person: cast.Person, at: datetime) -> Vessel | None:
        if not shown:
            if self._happens(person.overlooks):
                return None
            shown = replace(true, mid=self._mid(at), box=self._drawn(true.box, person.hand))
        category = shown.category if self._happens(person.overlooks) else true.category
        if true.category == cast.CONFUSED[0] and self._happens(person.confusion):
            category = cast.CONFUSED[1]
        motion = shown.motion if self._happens(person.overlooks) else true.motion
        is_off = max(abs(a - b) for a, b in zip(shown.box, true.box, strict=True)) > person.tolerance
        box = self._drawn(true.box, person.hand) if is_off else shown.box
        return replace(shown, category=category, motion=motion, box=box)

    def _drawn(self, box: Box, hand: float) -> Box:
        left, top, right, bottom = (round(edge + self._rng.gauss(0, hand)) for edge in box)
        return left, top, right, bottom

    def _mistaken(self, value: str, values: Mapping[str, int], share: float) -> str:
        others = [other for other in values if other != value]
        return self._rng.choice(others) if self._happens(share) else value

    def _one_of(self, values: Mapping[str, int]) -> str:
        return self._rng.choices(list(values), list(values.values()))[0]

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _mid(self, at: datetime) -> str:
        return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03}-{self._rng.randrange(100_000)}"
