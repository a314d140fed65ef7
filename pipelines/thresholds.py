"""From where on a check warns, and data is stale."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Thresholds:
    """What a team puts up with.

    rejected_share: the share of an export's records that may be rejected, 0 to 1.
    load_hours: how old the last run may be; half of it is a warning. 0: any age.
    label_days: how old the newest label may be. 0: any age, since a project that is finished gets no more.
    """

    rejected_share: float = 0.05
    load_hours: int = 48
    label_days: int = 0


DEFAULT: Final = Thresholds()
