"""The marts of people, computed label by label in plain Python from the quality contract alone."""

import math
from collections.abc import Iterable
from datetime import timedelta
from itertools import combinations
from typing import Any

from helpers.quality_oracle import Label, Pair, Row, flagged, grouped, mean, percentile, seconds, share, wilson


class Project:
    """All labels of a warehouse, and the contract's measures of them."""

    def __init__(self, labels: list[Label]) -> None:
        self.labels = [one for one in labels if one.label_type != "AUTOSAVE"]
        self.work = [one for one in self.labels if one.plays("DEFAULT") and one.author_id]
        self.skips = [one for one in self.labels if one.plays("DEFAULT", skipped=True) and one.author_id]
        self.reviews = [one for one in self.labels if one.plays("REVIEW")]
        self.work_of = grouped(self.work, lambda one: (one.asset_id, one.author_id))
        for works in self.work_of.values():
            works.sort(key=lambda one: one.order)
        self.latest = [works[-1] for works in self.work_of.values()]
        self.pairs = list(self._review_pairs())
        self.pairs_of = grouped((pair for pair in self.pairs if not pair.is_self), lambda pair: pair.left)
        self.self_reviewed = {pair.left for pair in self.pairs if pair.is_self}
        self.outcome = {one: self._outcome(one) for one in self.work + self.skips}
        self.attempts = {
            key: [one for one in works if self.outcome[one] in ("sent_back", "accepted", "fixed", "uncompared")]
            for key, works in self.work_of.items()
        }

    def _review_pairs(self) -> Iterable[Pair]:
        for reviews in grouped(self.reviews, lambda one: one.asset_id).values():
            for place, review in enumerate(sorted(reviews, key=lambda one: one.order), start=1):
                for (asset_id, _), works in self.work_of.items():
                    before = [one for one in works if one.created_at <= review.created_at]
                    if asset_id == review.asset_id and before:
                        yield Pair(before[-1], review, place)

    def _outcome(self, label: Label) -> str:
        if label.skipped:
            return "skipped"
        if label.sent_back:
            return "sent_back"
        if pairs := self.pairs_of[label]:
            last = max(pairs, key=lambda pair: pair.review_round).is_unchanged
            return "uncompared" if last is None else "accepted" if last else "fixed"
        if label in self.self_reviewed:
            return "self_reviewed"
        return "unreviewed" if label in self.latest else "superseded"

    def email(self, author_id: str | None) -> str | None:
        named = [one for one in self.labels if one.author_id == author_id and one.email]
        return max(named, key=lambda one: one.order).email if named else None

    def label_outcomes(self) -> list[Row]:
        return [self._outcome_row(one) for one in self.work + self.skips]

    def _outcome_row(self, label: Label) -> Row:
        pairs = sorted(self.pairs_of[label], key=lambda pair: pair.review_round)
        attempts = self.attempts.get((label.asset_id, label.author_id), [])
        return {
            "label_key": label.key,
            "asset_id": label.asset_id,
            "project_id": label.project_id,
            "external_id": label.external_id,
            "annotator_id": label.author_id,
            "created_at": label.created_at,
            "week": label.week,
            "outcome": self.outcome[label],
            "attempt_number": attempts.index(label) + 1 if label in attempts else None,
            "first_review_label_key": pairs[0].right.key if pairs else None,
            "last_review_label_key": pairs[-1].right.key if pairs else None,
            "first_review_is_unchanged": pairs[0].is_unchanged if pairs else None,
            "review_score": pairs[-1].score if pairs else None,
            "edit_count": pairs[-1].edits if pairs else None,
            "seconds_to_label": label.seconds,
            "annotation_count": len(label.categories or ()),
        }

    def annotators(self, *, by_week: bool) -> list[Row]:
        def key(one: Label) -> Any:
            return (one.project_id, one.author_id, one.week if by_week else None)

        names = ("project_id", "annotator_id", "week") if by_week else ("project_id", "annotator_id")
        return [
            dict(zip(names, group, strict=False))
            | {"annotator_email": self.email(group[1])}
            | self._annotator([one for one in labels if not one.skipped], [one for one in labels if one.skipped])
            for group, labels in grouped(self.work + self.skips, key).items()
        ]

    def _annotator(self, work: list[Label], skips: list[Label]) -> Row:
        both = work + skips
        names = ("accepted", "fixed", "sent_back", "uncompared", "self_reviewed", "superseded", "unreviewed")
        count = {name: sum(self.outcome[one] == name for one in work) for name in names}
        reviewed = count["accepted"] + count["fixed"] + count["sent_back"]
        pairs = [self.pairs_of[one] for one in work]
        consensus = [(one, self._consensus(one)) for one in work if one in self.latest]
        own = [
            mean("x", "n", (pair.score for pair in pairs if one in (pair.left, pair.right)))["x"]
            for one, pairs in consensus
        ]
        whole = [
            mean("x", "n", (pair.score for pair in pairs))["x"] if mine is not None else None
            for mine, (_, pairs) in zip(own, consensus, strict=True)
        ]
        return {
            "label_count": len(work),
            "asset_count": len({one.asset_id for one in work}),
            "annotation_count": sum(len(one.categories or ()) for one in work),
            **flagged("skipped_count", len(skips), (one.skipped for one in both)),
            **{f"{name}_count": number for name, number in count.items()},
            **flagged("sent_back_count", count["sent_back"], (one.sent_back for one in both)),
            "reviewed_count": reviewed,
            **share("acceptance_share", count["accepted"], reviewed, "nothing_reviewed"),
            **mean(
                "review_score",
                "scored_count",
                (max(found, key=lambda pair: pair.review_round).score for found in pairs if found),
            ),
            **mean("agreement_score", "agreement_asset_count", own),
            **mean("consensus_score", "agreement_asset_count", whole),
            **mean("honeypot_score", "honeypot_count", (self._honeypot(one) for one in work if one in self.latest)),
            **mean("prediction_score", "prediction_count", (self._prediction(one) for one in work)),
            **seconds(work),
            "first_label_at": min(one.created_at for one in both),
            "last_label_at": max(one.created_at for one in both),
        }

    def _consensus(self, label: Label) -> list[Pair]:
        if label.is_used_for_consensus is False:
            return []
        return [Pair(*two) for two in combinations([one for one in self.latest if one.asset_id == label.asset_id], 2)]

    def _honeypot(self, label: Label) -> float | None:
        truths = [
            one
            for one in self.labels
            if one.asset_id == label.asset_id
            and one.is_truth
            and not one.skipped
            and one.label_type in ("DEFAULT", "REVIEW")
        ]
        return Pair(label, max(truths, key=lambda one: one.order)).score if truths else None

    def _prediction(self, label: Label) -> float | None:
        before = [
            one
            for one in self.labels
            if one.asset_id == label.asset_id
            and one.label_type == "PREDICTION"
            and not one.skipped
            and one.created_at <= label.created_at
        ]
        if not before:
            return None
        newest = max(before, key=lambda one: one.order)
        first = next(
            one for one in self.work_of[label.asset_id, label.author_id] if one.created_at >= newest.created_at
        )
        return Pair(newest, label).score if first is label else None

    def first_pass_yield(self) -> list[Row]:
        units = [attempts for attempts in self.attempts.values() if attempts]

        def key(attempts: list[Label]) -> Any:
            return (attempts[0].project_id, attempts[0].author_id, attempts[0].week)

        return [
            dict(zip(("project_id", "annotator_id", "week"), group, strict=True))
            | {"annotator_email": self.email(group[1])}
            | self._yield(found)
            for group, found in grouped(units, key).items()
        ]

    def _yield(self, units: list[list[Label]]) -> Row:
        verdicts = [self._first_verdict(attempts[0]) for attempts in units]
        passed, fixed, sent_back = (verdicts.count(name) for name in ("passed", "fixed", "sent_back"))
        settled = [len(attempts) for attempts in units if self.outcome[attempts[-1]] in ("accepted", "fixed")]
        return {
            "passed_count": passed,
            "fixed_count": fixed,
            **flagged("sent_back_count", sent_back, (attempts[0].sent_back for attempts in units)),
            "uncompared_count": verdicts.count("uncompared"),
            "judged_count": passed + fixed + sent_back,
            **share("first_pass_share", passed, passed + fixed + sent_back, "nothing_reviewed"),
            "reworked_count": sum(len(attempts) > 1 for attempts in units),
            "accepted_at_second_count": sum(
                len(attempts) > 1 and self.outcome[attempts[1]] == "accepted" for attempts in units
            ),
            **mean("attempts_per_settled", "settled_count", settled, "nothing_reviewed"),
        }

    def _first_verdict(self, label: Label) -> str:
        if label.sent_back:
            return "sent_back"
        first = min(self.pairs_of[label], key=lambda pair: pair.review_round).is_unchanged
        return "uncompared" if first is None else "passed" if first else "fixed"

    def reviewers(self, *, by_week: bool) -> list[Row]:
        def key(one: Label) -> Any:
            return (one.project_id, one.author_id, one.week if by_week else None)

        names = ("project_id", "reviewer_id", "week") if by_week else ("project_id", "reviewer_id")
        return [
            dict(zip(names, group, strict=False))
            | {"reviewer_email": self.email(group[1])}
            | self._reviewer(reviews)
            | ({} if by_week else self._strictness(*group[:2]))
            for group, reviews in grouped((one for one in self.reviews if one.author_id), key).items()
        ]

    def _verdict(self, pair: Pair) -> str:
        if pair.left.sent_back and pair is max(self.pairs_of[pair.left], key=lambda one: one.review_round):
            return "sent_back"
        return "uncompared" if pair.is_unchanged is None else "accepted" if pair.is_unchanged else "fixed"

    def _reviewer(self, reviews: list[Label]) -> Row:
        pairs = [pair for pair in self.pairs if pair.right in reviews]
        others = [pair for pair in pairs if not pair.is_self]
        verdicts = [self._verdict(pair) for pair in others]
        accepted, fixed, sent_back = (verdicts.count(name) for name in ("accepted", "fixed", "sent_back"))
        compared = [pair.edits for pair in others if pair.edits is not None]
        kept = [found.is_unchanged for one in reviews if (found := self._next(one)) and found.is_unchanged is not None]
        hours = [(pair.right.created_at - pair.left.created_at) / timedelta(hours=1) for pair in others]
        return {
            "review_count": len(reviews),
            "asset_count": len({one.asset_id for one in reviews}),
            "unpaired_count": sum(all(pair.right != one for pair in pairs) for one in reviews),
            "self_review_count": len(pairs) - len(others),
            "accepted_count": accepted,
            "fixed_count": fixed,
            **flagged("sent_back_count", sent_back, (pair.left.sent_back for pair in others)),
            "uncompared_count": verdicts.count("uncompared"),
            "judged_count": accepted + fixed + sent_back,
            **share("acceptance_share", accepted, accepted + fixed + sent_back, "nothing_reviewed"),
            **mean("review_score", "scored_count", (pair.score for pair in others)),
            "edit_count": sum(compared),
            **mean("edits_per_label", "compared_count", compared, "nothing_compared"),
            **share("kept_by_next_share", sum(kept), len(kept), "nothing_compared"),
            "reviewed_again_count": len(kept),
            "median_hours_to_review": percentile(hours, 0.5),
            "p90_hours_to_review": percentile(hours, 0.9),
            "hours_reason": None if hours else "nothing_reviewed",
            **seconds(reviews),
            "also_labelled_asset_count": len(
                {one.asset_id for one in reviews if (one.asset_id, one.author_id) in self.work_of}
            ),
            "first_review_at": min(one.created_at for one in reviews),
            "last_review_at": max(one.created_at for one in reviews),
        }

    def _next(self, review: Label) -> Pair | None:
        after = [one for one in self.reviews if one.asset_id == review.asset_id and one.order > review.order]
        if not after:
            return None
        later = min(after, key=lambda one: one.order)
        between = [
            one
            for one in self.labels
            if one.asset_id == review.asset_id
            and one.plays("DEFAULT")
            and review.created_at < one.created_at <= later.created_at
        ]
        if between or later.author_id in (None, review.author_id):
            return None
        return Pair(review, later)

    def _strictness(self, project_id: str | None, reviewer_id: str) -> Row:
        judged = [
            pair
            for pair in self.pairs
            if pair.right.author_id
            and not pair.is_self
            and pair.right.project_id == project_id
            and self._verdict(pair) != "uncompared"
        ]
        terms = []
        for pairs in grouped(judged, lambda pair: pair.left.author_id).values():
            own, others = (
                [self._verdict(pair) != "accepted" for pair in pairs if (pair.right.author_id == reviewer_id) == mine]
                for mine in (True, False)
            )
            if own and others:
                terms.append((len(own), sum(own), len(others), sum(others)))
        total = sum(n for n, *_ in terms)
        names = ("strictness", "strictness_low", "strictness_high")
        counts = {"strictness_count": total, "strictness_annotator_count": len(terms)}
        if not terms:
            return dict.fromkeys(names) | {"strictness_reason": "no_other_reviewer"} | counts
        value = below = above = 0.0
        for n, own_bad, m, other_bad in terms:
            p, q, weight = own_bad / n, other_bad / m, n / total
            (own_low, own_high), (other_low, other_high) = wilson(own_bad, n), wilson(other_bad, m)
            value += weight * (p - q)
            below += weight**2 * ((p - own_low) ** 2 + (other_high - q) ** 2)
            above += weight**2 * ((own_high - p) ** 2 + (q - other_low) ** 2)
        limits = (value, value - math.sqrt(below), value + math.sqrt(above))
        return dict(zip(names, limits, strict=True)) | {"strictness_reason": None} | counts
