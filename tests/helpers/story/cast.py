"""The story's parameters: the pictures, the people, the models, and the habits that a warehouse has to find."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

SEED: Final = 17
FIRST_MONDAY: Final = datetime(2026, 10, 5, tzinfo=UTC)
WEEKS: Final = 6
EXPORTS: Final = 3
"""How many of the last weeks end with an export."""
BATCH: Final = 43
"""Pictures uploaded each Friday, to be labelled in the week after."""

SEA_STATES: Final = {"CALM": 5, "CHOPPY": 4, "ROUGH": 2}
VISIBILITIES: Final = {"CLEAR": 6, "HAZE": 3, "FOG": 1}
VESSELS: Final = {"FERRY": 2, "TUG": 5, "FISHING_BOAT": 4, "FREIGHTER": 2, "SAILBOAT": 3}
MOTIONS: Final = {"MOORED": 1, "UNDER_WAY": 1}
"""Categories of each job, and how often each occurs, in parts."""
CONFUSED: Final = ("TUG", "FISHING_BOAT")
"""The categories that one annotator confuses: the first is taken for the second."""

Role = Literal["single", "consensus", "honeypot"]
BATCH_ROLES: Final[dict[Role, int]] = {"honeypot": 2, "consensus": 6, "single": BATCH - 8}
ANNOTATOR_COUNT: Final[dict[Role, int]] = {"honeypot": 5, "consensus": 3, "single": 1}
REVIEWED: Final[dict[Role, float]] = {"honeypot": 0, "consensus": 0.3, "single": 0.85}
"""Share of the pictures that a reviewer sees."""
REVIEWED_AGAIN: Final = 0.15
"""Share of the reviewed ones that a second reviewer sees."""
SKIPPED: Final = 0.03
WRONG_TRUTH_BATCH: Final = 2
"""The batch in which the truth of the first honeypot is that of another picture."""


@dataclass(frozen=True)
class Person:
    """Someone with a Kili account. Lengths are in thousandths of the picture's width and height."""

    id: str
    first_name: str
    last_name: str
    seconds: float = 60
    """Typical time for a label in the first week."""
    pace: float = 1.0
    """The factor of that time from one week to the next."""
    overlooks: float = 0.15
    """Share of the mistakes in front of them that they leave as they are."""
    confusion: float = 0.0
    """Share of the first of `CONFUSED` that they take for the second."""
    opinion: float = 0.0
    """Share of the sea states that they see differently."""
    hand: float = 4
    """Standard deviation of the edges of the boxes that they draw."""
    tolerance: int = 12
    """How far off an edge may be before they draw the box again."""
    patience: int = 2
    """How many mistakes a reviewer fixes; with more the label is sent back."""

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}@example.org".lower()


INES: Final = Person("user-ines", "Ines", "Moreau", seconds=95, overlooks=0.05, opinion=0.03, hand=3)
TOM: Final = Person("user-tom", "Tom", "Okafor", seconds=80, confusion=0.5, opinion=0.06)
MEI: Final = Person("user-mei", "Mei", "Lin", seconds=210, pace=0.8, opinion=0.06)
VIKTOR: Final = Person("user-viktor", "Viktor", "Hahn", seconds=45, overlooks=0.8, opinion=0.15, hand=11, tolerance=40)
SARA: Final = Person("user-sara", "Sara", "Lund", seconds=85, opinion=0.06)
ANNOTATORS: Final = (INES, TOM, MEI, VIKTOR, SARA)

GRACE: Final = Person("user-grace", "Grace", "Adeyemi", seconds=40, overlooks=0.1, tolerance=24)
HENRIK: Final = Person("user-henrik", "Henrik", "Vos", seconds=70, overlooks=0.02, tolerance=7, patience=1)
REVIEWERS: Final = {GRACE: 9, HENRIK: 8, INES: 4}
"""Who reviews, with their parts of the work. Ines labels too, and some labels that she reviews are her own."""
NORA: Final = Person("user-nora", "Nora", "Keller")
"""Runs the project: imports predictions and sets the truth of honeypots."""


@dataclass(frozen=True)
class Model:
    """A model whose predictions the annotators start from."""

    name: str
    mistakes: float
    """Share of vessels that it misses, and of its answers that are wrong."""
    hand: float
    """Standard deviation of the edges of its boxes."""
    ghosts: float
    """Share of pictures in which it sees a vessel where there is none."""


MODELS: Final = {0: Model("harbour-detector-1", 0.14, 13, 0.2), 4: Model("harbour-detector-2", 0.04, 3, 0.05)}
"""By the first batch that each predicts. The second is better; it predicts waiting pictures again, too."""
