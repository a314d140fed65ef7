"""The marts about assets, categories, models and days, computed in plain Python by the quality contract."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise

from helpers.labels_oracle import (
    Asset,
    Compared,
    Edit,
    Label,
    Row,
    compare,
    mean,
    outcome,
    prediction_pairs,
    reason,
    rereview_pairs,
    review_pairs,
    share,
    state,
)


def category_quality(assets: Iterable[Asset]) -> list[Row]:
    """Rows of marts.category_quality."""
    edits = [
        (asset.project, edit[0], scope, work.author if scope == "annotator" else None, edit)
        for asset in assets
        for work, review in review_pairs(asset)
        if review is asset.of("review")[-1]
        for edit in (compare(work, review) or Compared(None, ())).edits
        for scope in ("annotator", "project")
    ]
    keys = {(*one[:2], category, *one[2:4]) for one in edits for category in one[4][1:3] if category}
    return [_category(key, [one[4] for one in edits if (*one[:2], *one[2:4]) == (*key[:2], *key[3:])]) for key in keys]


def _category(key: Row, edits: list[Edit]) -> Row:
    category = key[2]
    chosen = [edit for edit in edits if edit[1] == category]
    support = [edit for edit in edits if edit[2] == category]
    matched = [edit for edit in chosen if edit[2] == category]
    overlaps = [edit[3] for edit in matched if edit[3] is not None]
    confused = Counter(edit[2] for edit in chosen if edit[2] not in (None, category))
    most = min(confused.items(), key=lambda item: (-item[1], item[0]), default=(None, 0))
    return (
        *key,
        *(len(chosen), len(support), len(matched)),
        *share(len(matched), len(chosen)),
        reason(len(chosen), "never_chosen"),
        *share(len(matched), len(support)),
        reason(len(support), "never_reviewed_as"),
        2 * len(matched) / (len(chosen) + len(support)),
        mean(overlaps),
        len(overlaps),
        reason(len(overlaps), "nothing_scored"),
        *most,
    )


EDITS = ("kept", "added", "removed", "relabelled", "moved", "relabelled_and_moved", "text_changed")


def model_vs_human(assets: list[Asset]) -> list[Row]:
    """Rows of marts.model_vs_human."""
    keys = {(asset.project, one.model, one.type) for asset in assets for one in asset.of("machine")}
    return [_model(key, assets) for key in keys]


def _model(key: Row, assets: list[Asset]) -> Row:
    def is_of(asset: Asset, label: Label) -> bool:
        return (asset.project, label.model, label.type) == key

    labels = [(asset.id, one.key) for asset in assets for one in asset.of("machine") if is_of(asset, one)]
    pairs = [(asset, *pair) for asset in assets for pair in prediction_pairs(asset) if is_of(asset, pair[0])]
    compared = [(asset, work, found) for asset, machine, work in pairs if (found := compare(machine, work))]
    verdicts = Counter(_verdict(found) for *_, found in compared)
    kinds = Counter(edit[-1] for *_, found in compared for edit in found.edits)
    scores = [found.score for *_, found in compared if found.score is not None]
    outcomes = [outcome(asset, work) for asset, work, found in compared if found.is_unchanged]
    reviewed = [one for one in outcomes if one != "other"]
    judged = len(compared)
    return (
        *key,
        *(len(labels), len({one for one, _ in labels}), len({(asset.id, one.key) for asset, one, _ in pairs})),
        *(verdicts[one] for one in ("accepted", "edited", "dropped")),
        len(pairs) - judged,
        *share(verdicts["accepted"], judged),
        reason(judged, "nothing_compared"),
        *(judged, mean(scores), reason(len(scores), "nothing_scored"), len(scores)),
        *(kinds[one] for one in EDITS),
        (kinds.total() - kinds["kept"]) / judged if judged else None,
        reason(judged, "nothing_compared"),
        *(len(reviewed), reviewed.count("accepted")),
        *share(reviewed.count("accepted"), len(reviewed)),
        reason(len(reviewed), "nothing_reviewed"),
    )


def _verdict(found: Compared) -> str:
    left = [edit[-1] for edit in found.edits if edit[-1] != "added"]
    if found.is_unchanged:
        return "accepted"
    return "dropped" if left and set(left) == {"removed"} else "edited"


def days(assets: list[Asset]) -> list[Row]:
    """Rows of marts.days."""
    found: list[Row] = []
    for project in {asset.project for asset in assets}:
        own = [asset for asset in assets if asset.project == project and _times(asset)]
        dates = [at.date() for asset in own for at in _times(asset)]
        if dates:
            span = [min(dates) + timedelta(n) for n in range(-1, (max(dates) - min(dates)).days + 1)]
            found += [(project, day, *_flow(own, day), *_stock(own, before, day)) for before, day in pairwise(span)]
    return found


def _times(asset: Asset) -> list[datetime]:
    return [*asset.known_at, *(label.at for label in asset.labels)]


def _flow(assets: list[Asset], day: date) -> Row:
    labels = [label for asset in assets for label in asset.labels if label.at.date() == day]
    defaults = [label for label in labels if label.role in ("work", "skip")]
    works = [label for label in labels if label.role == "work"]
    reviews = [label for label in labels if label.role == "review"]
    machines = Counter(label.type for label in labels if label.role == "machine")
    has_skip_flag = any(label.is_skipped is not None for label in defaults)
    has_flag = any(label.is_sent_back is not None for label in defaults)
    return (
        len(works),
        len(defaults) - len(works) if has_skip_flag else None,
        reason(has_skip_flag, "not_exported"),
        *(len(reviews), machines["PREDICTION"], machines["INFERENCE"]),
        sum(bool(label.is_sent_back) for label in works) if has_flag else None,
        reason(has_flag, "not_exported"),
        *(len({label.author for label in labels if label.author}) for labels in (works, reviews)),
    )


def _stock(assets: list[Asset], before: date, day: date) -> Iterator[int]:
    old, new = ({one.id: _state_at_end(one, at) for one in assets} for at in (before, day))
    for name in ("waiting", "labelled", "reviewed"):
        was, is_now = ({asset for asset, held in states.items() if held == name} for states in (old, new))
        yield from (len(is_now), len(is_now - was), len(was - is_now))


def _state_at_end(asset: Asset, day: date) -> str | None:
    midnight = datetime.combine(day + timedelta(1), datetime.min.time(), asset.known_at[0].tzinfo)
    return state(asset, midnight) if min(_times(asset)) < midnight else None


def asset_quality(assets: list[Asset]) -> list[Row]:
    """Rows of marts.asset_quality."""
    rows = [_asset(asset) for asset in assets]
    ranked = sorted(rows, key=lambda row: (-round(row[-2], 9), row[0]))
    places: Counter[str | None] = Counter()
    found = []
    for row in ranked:
        places[row[1]] += 1
        found.append((*row, places[row[1]] if round(row[-2], 9) else None))
    return found


def _asset(asset: Asset) -> Row:
    works, reviews = asset.of("work"), asset.of("review")
    pairs = combinations(asset.latest_work().values(), 2) if asset.is_used_for_consensus is not False else ()
    agreed = _scores(pairs)
    truths = asset.of("truth")[-1:]
    honest = _scores((work, truth) for truth in truths for work in asset.latest_work().values())
    reviewed = _scores(pair for pair in review_pairs(asset) if pair[1] is reviews[-1])
    scores = {name: extent and weight * extent for name, weight, extent in _reasons(asset, agreed, honest)}
    held = {name: round(score, 9) for name, score in scores.items() if score and round(score, 9) > 0}
    return (
        *(asset.id, asset.project, f"{asset.id}.jpg", asset.status),
        *(len(works), len(reviews), len(asset.of("machine")), len({one.author for one in works if one.author})),
        *(mean(agreed), len(agreed), mean(honest), len(honest), mean(reviewed)),
        max((label.at for label in asset.labels), default=None),
        *scores.values(),
        1.0 - math.prod(1 - (score or 0) for score in scores.values()),
        ", ".join(sorted(held, key=lambda name: (-held[name], name))) or None,
    )


def _scores(pairs: Iterable[tuple[Label, Label]]) -> list[float]:
    found = (compare(*pair) for pair in pairs)
    return [one.score for one in found if one and one.score is not None]


Reason = tuple[str, float, float | None]


def _reasons(asset: Asset, agreed: list[float], honest: list[float]) -> Iterator[Reason]:
    works, reviews = asset.of("work"), asset.of("review")
    newest = works[-1] if works else None

    def told(is_known: object, extent: Callable[[], float]) -> float | None:
        return float(extent()) if is_known else None

    yield "sent_back", 0.9, None if newest is None or newest.is_sent_back is None else float(newest.is_sent_back)
    yield "disagreement", 0.8, told(agreed, lambda: 0 if state(asset) == "reviewed" else 1 - (mean(agreed) or 0))
    is_doubtful = len(honest) >= 3 and max(honest) <= 0.5
    yield "doubtful_truth", 0.8, told(honest, lambda: (1 - (mean(honest) or 0)) * is_doubtful)
    yield "against_majority", 0.7, _against_majority(asset)
    yield "empty_answer", 0.6, told(newest, lambda: _is_empty(newest))
    yield "rework", 0.6, told(reviews, lambda: bool(works and works[-1].at > reviews[-1].at))
    successive = [compare(*pair) for pair in rereview_pairs(asset)]
    changed = [not one.is_unchanged for one in successive if one]
    yield "reviewers_differ", 0.5, told(changed, lambda: changed[-1])


def _is_empty(newest: Label | None) -> bool:
    return newest is not None and (not newest.answer or not newest.answer.annotation_count or newest.is_carried_over)


def _rating(label: Label) -> str | None:
    return " | ".join(sorted(label.answer.kinds)) or None if label.answer else None


def _against_majority(asset: Asset) -> float | None:
    ratings = [_rating(one) for one in asset.latest_work().values()] if asset.is_used_for_consensus is not False else []
    votes = Counter(one for one in ratings if one)
    review_value = next((_rating(one) for one in asset.of("review")[-1:]), None)
    if votes.total() < 3 or 2 * votes.most_common(1)[0][1] <= votes.total() or review_value is None:
        return None
    return float(review_value != votes.most_common(1)[0][0])
