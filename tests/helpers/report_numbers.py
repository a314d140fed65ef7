"""The numbers that the quality report has to show, reckoned in SQL on the marts, as the page writes them."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb

Row = dict[str, Any]
Rows = list[tuple[str, ...]]

Z = 1.959963984540054
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
EDITS = ("kept", "moved", "relabelled", "relabelled_and_moved", "text_changed", "removed", "added")
REASONS = {
    "nothing_reviewed": "nothing was reviewed",
    "nothing_compared": "nothing was compared",
    "nothing_scored": "nothing was scored",
    "not_exported": "the export does not contain it",
    "no_other_reviewer": "no other reviewer judged the same annotators",
    "no_unit_with_two_ratings": "nothing was rated twice",
    "one_category_only": "only one category was chosen",
    "not_classification": "no classification job",
    "whole_label": "not defined for whole labels",
    "period": "not available for a period",
}


@dataclass(frozen=True)
class Choice:
    """What a reader chose in the page; weeks by their Mondays."""

    project: str | None = None
    first_week: str | None = None
    last_week: str | None = None
    person: str | None = None
    job: str | None = None

    @property
    def is_period(self) -> bool:
        return bool(self.first_week)

    @property
    def is_sum(self) -> bool:
        return self.is_period and self.first_week != self.last_week

    @property
    def address(self) -> dict[str, str | None]:
        person = self.person and key(self.person)
        return {
            "project": self.project,
            "job": self.job,
            "from": self.first_week,
            "to": self.last_week,
            "person": person,
        }


def key(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()[:12]


def fixed(value: float, digits: int) -> str:
    """A number as JavaScript's `toFixed` writes it."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)).replace("-", "−")


def count(value: float) -> str:
    return f"{value:,}"


def percent(value: float) -> str:
    return f"{fixed(100 * value, 1)} %"


def roughly(value: float) -> str:
    return f"{fixed(100 * value, 0)} %"


def decimals(digits: int) -> Callable[[float], str]:
    return lambda value: fixed(value, digits)


def signed(value: float) -> str:
    return ("+" if value > 0 else "") + fixed(value, 3)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{fixed(seconds, 0)} s"
    return f"{fixed(seconds / 60, 1)} min" if seconds < 5400 else f"{fixed(seconds / 3600, 1)} h"


def hours(value: float) -> str:
    return f"{fixed(value, 1)} h" if value < 48 else f"{fixed(value / 24, 1)} d"


def day(value: Any) -> str:
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def measure(
    value: float | None,
    write: Callable[[Any], str],
    reason: str | None = None,
    n: int | None = None,
    limits: tuple[float | None, float | None] | None = None,
) -> str:
    if value is None:
        return f"– {REASONS[reason or '']}"
    about = []
    if limits and limits[0] is not None:
        about.append(f"95 % interval {write(limits[0])} to {write(limits[1])}")
    if n is not None:
        about.append(f"n = {count(n)}" + (", few cases" if n < 10 else ""))
    return write(value) + (f" [{', '.join(about)}]" if about else "")


def share(part: float | None, n: int | None, reason: str) -> str:
    if not n:
        return measure(None, percent, reason)
    p = (part or 0) / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * (p * (1 - p) / n + Z * Z / (4 * n * n)) ** 0.5 / (1 + Z * Z / n)
    return measure(p, percent, None, n, (max(0.0, centre - half), min(1.0, centre + half)))


class Numbers:
    """Reads a published database for one choice."""

    def __init__(self, db: duckdb.DuckDBPyConnection, choice: Choice) -> None:
        self.db, self.choice = db, choice
        people = """select author_id, author_email from marts.labels where author_email is not null
            order by created_at, label_key"""
        self.names = dict(self._tuples(people))  # the e-mail address of the latest label stays
        names = self._tuples("select project_id, max(project_name) from kili.exports group by project_id")
        self.projects = {project: name or project or "no project id" for project, name in names}
        self.is_many = choice.project is None and len(self.projects) > 1

    def _tuples(self, sql: str) -> list[Any]:
        return self.db.execute(sql).fetchall()

    def rows(self, sql: str) -> list[Row]:
        found = self.db.execute(sql)
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def where(self, person: str | None = "annotator_id", week: str | None = "week", job: str | None = None) -> str:
        chosen = self.choice
        parts = ["true"]
        if chosen.project:
            parts.append("project_id is null" if chosen.project == "-" else f"project_id = '{chosen.project}'")
        if week and chosen.is_period:
            parts.append(f"{week} between '{chosen.first_week}' and '{chosen.last_week}'")
        if person and chosen.person:
            parts.append(f"{person} = '{chosen.person}'")
        if job and chosen.job:
            parts.append(f"{job} = '{chosen.job}'")
        return " and ".join(parts)

    def who(self, row: Row, person: str = "annotator_id") -> tuple[str, ...]:
        return (self.name(row[person]), *self.project(row))

    def name(self, person: str) -> str:
        return str(self.names.get(person) or person).split("@")[0]

    def project(self, row: Row) -> tuple[str, ...]:
        return (self.projects[row["project_id"]],) if self.is_many else ()

    def annotators(self) -> Rows:
        rows = self.rows(self._people("annotator", ANNOTATOR_SUMS, ANNOTATOR_MEANS))
        passes = {
            (row["project_id"], row["annotator_id"]): row
            for row in self.rows(
                f"""select project_id, annotator_id, sum(passed_count)::bigint as passed, sum(judged_count)::bigint as n
                from marts.first_pass_yield where {self.where()} group by all"""
            )
        }
        none = {"passed": 0, "n": 0}
        return [
            (
                *self.who(row),
                count(row["label_count"]),
                count(row["reviewed_count"]),
                share(row["accepted_count"], row["reviewed_count"], "nothing_reviewed"),
                share(
                    passes.get((row["project_id"], row["annotator_id"]), none)["passed"],
                    passes.get((row["project_id"], row["annotator_id"]), none)["n"],
                    "nothing_reviewed",
                ),
                measure(row["sent_back_count"], count, "not_exported"),
                measure(row["review_score"], decimals(3), "nothing_scored", row["scored_count"]),
                measure(row["agreement_score"], decimals(3), "nothing_scored", row["agreement_asset_count"]),
                measure(row["honeypot_score"], decimals(3), "nothing_scored", row["honeypot_count"]),
                measure(row["skipped_count"], count, "not_exported"),
            )
            for row in rows
        ]

    def reviewers(self) -> Rows:
        reason = "period" if self.choice.is_sum else None
        return [
            (
                *self.who(row, "reviewer_id"),
                count(row["review_count"]),
                count(row["judged_count"]),
                share(row["accepted_count"], row["judged_count"], "nothing_reviewed"),
                measure(
                    row.get("strictness"),
                    signed,
                    "period" if self.choice.is_period else row.get("strictness_reason"),
                    row.get("strictness_count"),
                    (row.get("strictness_low"), row.get("strictness_high")),
                ),
                measure(row["sent_back_count"], count, "not_exported"),
                measure(
                    row["edit_count"] / row["compared_count"] if row["compared_count"] else None,
                    decimals(2),
                    "nothing_compared",
                    row["compared_count"],
                ),
                share(
                    (row["kept_by_next_share"] or 0) * row["reviewed_again_count"],
                    row["reviewed_again_count"],
                    "nothing_compared",
                ),
                measure(row.get("median_hours_to_review"), hours, reason or "nothing_reviewed", row["hours_count"]),
                measure(row.get("p90_hours_to_review"), hours, reason or "nothing_reviewed", row["hours_count"]),
                count(row["self_review_count"]),
            )
            for row in self.rows(
                self._people("reviewer", REVIEWER_SUMS, {"kept_by_next_share": "reviewed_again_count"})
            )
        ]

    def times(self, role: str) -> Rows:
        sums = ("seconds_count", "total_seconds", "capped_seconds")
        rows = self.rows(self._people(role, sums, {}))
        reason = "period" if self.choice.is_sum else "not_exported"
        return [
            (
                *self.who(row, f"{role}_id"),
                count(row["seconds_count"]),
                duration(row["total_seconds"]),
                duration(row["capped_seconds"]),
                measure(row.get("median_seconds"), duration, reason, row["seconds_count"]),
                measure(row.get("p90_seconds"), duration, reason, row["seconds_count"]),
            )
            for row in rows
            if row["seconds_count"]
        ]

    def _people(self, role: str, sums: Iterable[str], means: dict[str, str]) -> str:
        """The mart of all time or of one week; over more weeks the sums, and the means weighted by their counts."""
        waited = "judged_count + uncompared_count"
        if not self.choice.is_sum:
            mart = f"{role}_weeks" if self.choice.is_period else f"{role}s"
            where = self.where(f"{role}_id", "week" if self.choice.is_period else None)
            more = f", {waited} as hours_count" if role == "reviewer" else ""
            return f"select *{more} from marts.{mart} where {where}"
        columns = [f"sum({name}) as {name}" for name in sums]
        columns += [f"sum({mean} * {n}) / sum({n}) as {mean}" for mean, n in means.items()]
        cast = ", ".join(f"{name}::bigint as {name}" for name in sums if name.endswith("_count"))
        return f"""
            select * replace ({cast}) from (
                select project_id, {role}_id, {", ".join(columns)}
                    {f", sum({waited})::bigint as hours_count" if role == "reviewer" else ""}
                from marts.{role}_weeks where {self.where(f"{role}_id")} group by project_id, {role}_id)"""

    def quality_weeks(self) -> Rows:
        rows = self.rows(
            f"""select week, sum(accepted_count)::bigint as accepted, sum(reviewed_count)::bigint as reviewed,
                sum(passed)::bigint as passed, sum(judged)::bigint as judged
            from (
                select week, accepted_count, reviewed_count, 0 as passed, 0 as judged
                from marts.annotator_weeks where {self.where()}
                union all
                select week, 0, 0, passed_count, judged_count from marts.first_pass_yield where {self.where()})
            where week is not null group by week"""
        )
        scores = {
            row["week"]: row
            for row in self.rows(
                f"""select week, avg(review_score) as mean, count(review_score) as n,
                    {Z} * stddev_samp(review_score) / sqrt(count(review_score)) as half
                from marts.label_outcomes where {self.where()} group by week having n > 0"""
            )
        }
        none = {"mean": None, "n": 0, "half": None}
        return [
            (
                day(row["week"]),
                measure(row["reviewed"], count),
                share(row["accepted"], row["reviewed"], "nothing_reviewed"),
                measure(row["judged"], count),
                share(row["passed"], row["judged"], "nothing_reviewed"),
                count((score := scores.get(row["week"], none))["n"]),
                measure(
                    score["mean"],
                    decimals(3),
                    "nothing_scored",
                    score["n"],
                    (max(0.0, score["mean"] - score["half"]), min(1.0, score["mean"] + score["half"]))
                    if score["half"] is not None
                    else None,
                ),
            )
            for row in rows
        ]

    def progress_weeks(self) -> Rows:
        rows = self.rows(
            f"""select date_trunc('week', day)::date as week, sum(default_count)::bigint as labels,
                sum(review_count)::bigint as reviews, sum(sent_back_count)::bigint as sent_back,
                sum(prediction_count + inference_count)::bigint as machine
            from marts.days where {self.where(None, "date_trunc('week', day)")} group by 1
            having sum(default_count + review_count + prediction_count + inference_count + waiting_in_count
                + waiting_out_count + labelled_in_count + labelled_out_count + reviewed_in_count
                + reviewed_out_count) > 0"""
        )
        return [
            (
                day(row["week"]),
                count(row["labels"]),
                count(row["reviews"]),
                measure(row["sent_back"], count, "not_exported"),
                count(row["machine"]),
            )
            for row in rows
        ]

    def tiles(self) -> list[str]:
        """Assets by state at the end of the period, each project by its last day up to then, and labels made in it."""
        until = "true" if not self.choice.last_week else f"day < date '{self.choice.last_week}' + 7"
        [stock] = self.rows(
            f"""select coalesce(sum(reviewed_count), 0)::bigint as reviewed,
                coalesce(sum(labelled_count), 0)::bigint as labelled, coalesce(sum(waiting_count), 0)::bigint as waiting
            from (from marts.days where {self.where(None, None)} and {until}
                qualify row_number() over (partition by project_id order by day desc) = 1)"""
        )
        [made] = self.rows(
            f"""select coalesce(sum(default_count), 0)::bigint as labels,
                coalesce(sum(review_count), 0)::bigint as reviews,
                coalesce(sum(prediction_count + inference_count), 0)::bigint as machine
            from marts.days where {self.where(None, "date_trunc('week', day)")}"""
        )
        return [count(value) for value in (*stock.values(), *made.values())]

    def edits_by_job(self) -> Rows:
        rows = self.rows(
            f"""select project_id, job_name, count(*) as n,
                {", ".join(f"count(*) filter (where edit = '{edit}') as {edit}" for edit in EDITS)}
            from {REVIEWED_EDITS} where {self.where(job="job_name")} group by project_id, job_name"""
        )
        return [
            (*self.project(row), row["job_name"], count(row["n"]), *(count(row[edit]) for edit in EDITS))
            for row in rows
        ]

    def changed_categories(self) -> Rows:
        source = "marts.category_confusion"
        if self.choice.is_period or self.choice.person:
            source = f"""(
                select project_id, annotator_id, week, job_name, default_category, review_category, 1 as pair_count
                from {REVIEWED_EDITS}
                where (edit = 'added' and review_category is not null)
                    or (edit = 'removed' and default_category is not null)
                    or (default_category is not null and review_category is not null))"""
        where = self.where("annotator_id", "week", "job_name")
        rows = self.rows(
            f"""select project_id, job_name, default_category, review_category, sum(pair_count)::bigint as n
            from {source} where {where} and default_category is distinct from review_category group by all"""
        )
        return [
            (
                *self.project(row),
                row["job_name"],
                row["default_category"] or "– the reviewer added it",
                row["review_category"] or "– the reviewer removed it",
                count(row["n"]),
            )
            for row in rows
        ]

    def agreement(self) -> Rows:
        where = self.where(None, "week" if self.choice.is_period else None, "job_name")
        scope = "week" if self.choice.is_period else "all"
        sql = f"select * from marts.agreement where scope = '{scope}' and {where}"
        if self.choice.is_sum:
            sql = f"""select project_id, job_name, sum(unit_count)::bigint as unit_count,
                    sum(agreement_share * unit_count) / sum(unit_count) as agreement_share
                from ({sql}) group by all"""
        return [
            (
                row["job_name"],
                *self.project(row),
                count(row["unit_count"]),
                share(
                    (row["agreement_share"] or 0) * row["unit_count"],
                    row["unit_count"],
                    row.get("agreement_share_reason") or "no_unit_with_two_ratings",
                ),
                *(self._coefficient(row, name) for name in ("alpha", "fleiss_kappa", "ac1")),
            )
            for row in self.rows(sql)
        ]

    def _coefficient(self, row: Row, name: str) -> str:
        if self.choice.is_sum:
            return measure(None, decimals(3), "period")
        limits = (row.get(f"{name}_low"), row.get(f"{name}_high"))
        return measure(row[name], decimals(3), row[f"{name}_reason"], row["unit_count"], limits)

    def models(self) -> Rows:
        def cell(
            value: float | None, write: Callable[[Any], str], reason: str | None = None, n: int | None = None
        ) -> str:
            if self.choice.is_period:
                return measure(None, write, "period")
            return measure(value, write, reason, n)

        def of(part: int, n: int, reason: str) -> str:
            return measure(None, percent, "period") if self.choice.is_period else share(part, n, reason)

        return [
            (
                row["model_name"] or "no name",
                *self.project(row),
                row["label_type"].lower(),
                cell(row["machine_label_count"], count),
                cell(row["judged_count"], count),
                of(row["accepted_count"], row["judged_count"], "nothing_compared"),
                of(row["upheld_count"], row["reviewed_count"], "nothing_reviewed"),
                cell(row["mean_score"], decimals(3), row["mean_score_reason"], row["scored_count"]),
                cell(row["edits_per_label"], decimals(2), row["edits_per_label_reason"]),
                cell(row["dropped_count"], count),
            )
            for row in self.rows(f"select * from marts.model_vs_human where {self.where(None, None)}")
        ]

    def matrix(self, title: str) -> Rows:
        """Each pair of annotators in both orders, in the chosen job, or over whole labels."""
        value, reason, write = MATRIX[title]
        job = f"job_name = '{self.choice.job}'" if self.choice.job else "job_name is null"
        rows = self.rows(f"select * from marts.agreement_pairs where {job} and {self.where(None, None)}")
        cells = {(self.name(row["annotator_id"]), self.name(row["other_annotator_id"])): row for row in rows}
        people = sorted({person for pair in cells for person in pair})

        def cell(mine: str, theirs: str) -> str:
            if mine == theirs:
                return ""
            row = cells.get((mine, theirs))
            if row is None:
                return "– they share no asset"
            return write(row[value]) if row[value] is not None else measure(None, write, row[reason])

        return [(mine, *(cell(mine, theirs) for theirs in people)) for mine in people]

    def confusion(self, job: str) -> Rows:
        """The matrix of a job in the chosen project: categories by their frequency, and what was added or removed."""
        rows = self.rows(
            f"""select default_category, review_category, pair_count from marts.category_confusion
            where job_name = '{job}' and {self.where(None, None)}"""
        )
        cells = {(row["default_category"], row["review_category"]): row["pair_count"] for row in rows}
        sizes: dict[str, int] = {}
        for pair, n in cells.items():
            for category in pair:
                if category:
                    sizes[category] = sizes.get(category, 0) + n
        names: list[str | None] = [*sorted(sizes, key=lambda name: (-sizes[name], name)), None]

        def cell(mine: str | None, theirs: str | None) -> str:
            return "" if mine is theirs is None else count(cells.get((mine, theirs), 0))

        return [(mine or "added", *(cell(mine, theirs) for theirs in names)) for mine in names]

    def ranked(self) -> Rows:
        where = self.where(None, "date_trunc('week', last_label_at)")
        if self.choice.person:
            where += f""" and asset_id in (
                select asset_id from marts.label_outcomes where annotator_id = '{self.choice.person}')"""
        return [
            (
                row["external_id"],
                *self.project(row),
                row["reasons"].replace(", ", "").replace("_", " "),
                fixed(row["priority"], 2),
                count(row["look_again_rank"]),
                row["status"].lower().replace("_", " "),
                count(row["default_count"]),
                count(row["review_count"]),
                day(row["last_label_at"]),
            )
            for row in self.rows(f"select * from marts.asset_quality where look_again_rank is not null and {where}")
        ]


MATRIX: dict[str, tuple[str, str, Callable[[float], str]]] = {
    "Mean score": ("mean_score", "score_reason", roughly),
    "Equal ratings": ("agreement_share", "agreement_share_reason", roughly),
    "Cohen's kappa": ("cohen_kappa", "kappa_reason", decimals(2)),
}
ANNOTATOR_SUMS = (
    "label_count",
    "reviewed_count",
    "accepted_count",
    "sent_back_count",
    "skipped_count",
    "scored_count",
    "agreement_asset_count",
    "honeypot_count",
)
ANNOTATOR_MEANS = {
    "review_score": "scored_count",
    "agreement_score": "agreement_asset_count",
    "honeypot_score": "honeypot_count",
}
REVIEWER_SUMS = (
    "review_count",
    "judged_count",
    "accepted_count",
    "sent_back_count",
    "edit_count",
    "compared_count",
    "reviewed_again_count",
    "self_review_count",
)
REVIEWED_EDITS = """(
    select project_id, annotator_id, date_trunc('week', default_created_at)::date as week, edits.*
    from marts.review_edits as edits
    join marts.review_vs_default as pairs using (review_label_key, default_label_key)
    where is_latest_review and not coalesce(is_self_review, false))"""
