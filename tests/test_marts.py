"""The marts as complete rows: the seed page, and pairs of labels computed by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import SAMPLES, load, query

from assets_defs import checks
from pipelines import settings


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_field_of_the_seed_page_is_in_marts_assets(samples: Path) -> None:
    rows = query(samples, "select * from marts.assets where project_id is null and asset_id like 'seed%'")
    assert rows == [
        {
            "asset_id": "seed-asset-1",
            "project_id": None,
            "external_id": "seed (1).jpg",
            "content": "https://example.com/seed/1.jpg",
            "status": "REVIEWED",
            "json_metadata": '{"camera":"left","shots":[1,2]}',
            "is_honeypot": True,
            "honeypot_mark": 0.75,
            "is_used_for_consensus": True,
            "consensus_mark": None,
            "inference_mark": None,
            "skipped": None,
            "total_seconds_to_label": 321.5,
            "created_at": None,
            "updated_at": at("2020-11-09T11:12:13.456"),
            "extra": None,
            "first_seen_as_of": at("2020-11-09T11:12:13.456"),
            "last_seen_as_of": at("2020-11-09T11:12:13.456"),
        }
    ]


NOTHING_SAID = {
    "label_id": None,
    "is_sent_back_to_queue": None,
    "is_latest_label_for_user": None,
    "is_honeypot": None,
    "consensus_mark": None,
    "honeypot_mark": None,
    "inference_mark": None,
    "review_score": None,
    "seconds_to_label": None,
    "total_seconds_to_label": None,
    "model_name": None,
    "project_id": None,
    "extra": None,
    "is_response_carried_over": False,
}
SEED_TYPES = ["DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE"]


def seed_label(number: int, label_type: str) -> dict[str, Any]:
    return NOTHING_SAID | {
        "asset_id": "seed-asset-1",
        "label_id": f"seed-label-{number}",
        "author_id": f"user-{number}",
        "author_email": f"user{number}@example.com",
        "author_name": f"Name {number}",
        "label_type": label_type,
        "created_at": at(f"2020-11-0{number}T0{number}:10:20.30{number}"),
        "skipped": number % 2 == 0,
        "is_latest_label_for_user": number % 2 == 1,
        "consensus_mark": pytest.approx(0.1 * number + 0.01),
        "annotation_count": 1,
        "json_response": '{"JOB_1":{"categories":[{"confidence":91,"name":"CATEGORY_1"}]}}'.replace("1", str(number)),
        "first_seen_as_of": at("2020-11-09T11:12:13.456"),
        "last_seen_as_of": at("2020-11-09T11:12:13.456"),
    }


def test_every_field_of_the_seed_page_is_in_marts_labels(samples: Path) -> None:
    rows = query(samples, "select * from marts.labels where asset_id = 'seed-asset-1' order by created_at")
    keys = [row.pop("label_key") for row in rows]
    assert rows == [seed_label(number, label_type) for number, label_type in enumerate(SEED_TYPES, start=1)]
    assert keys[0] == SEED_DEFAULT_KEY
    assert len(set(keys)) == 5


# A key of a published label never changes: consumers keep it.
SEED_DEFAULT_KEY = "1f2a7e3608a7a9a3f134fef0d88859d7"


def test_the_example_of_the_seed_page_is_loaded_unchanged(samples: Path) -> None:
    rows = query(samples, "select * from marts.labels where asset_id = 'ckh1sfsdfkfd0756qdfe1uio'")
    rows[0].pop("label_key")
    assert rows == [
        NOTHING_SAID
        | {
            "asset_id": "ckh1sfsdfkfd0756qdfe1uio",
            "author_id": "user-0",
            "author_email": "[email protected]",
            "author_name": "Jean",
            "label_type": "PREDICTION",
            "created_at": at("2020-11-03T09:47:00.104"),
            "model_name": "relation-model-v0.0.1",
            "skipped": False,
            "annotation_count": 0,
            "json_response": "{}",
            "first_seen_as_of": at("2020-11-09T11:12:13.456"),
            "last_seen_as_of": at("2020-11-09T11:12:13.456"),
        }
    ]
    assets = query(samples, "select * from marts.assets where asset_id = 'ckh1sfsdfkfd0756qdfe1uio'")
    told = {name: value for name, value in assets[0].items() if value is not None}
    assert told == {
        "asset_id": "ckh1sfsdfkfd0756qdfe1uio",
        "external_id": "Asset 1",
        "json_metadata": "{}",
        "first_seen_as_of": at("2020-11-09T11:12:13.456"),
        "last_seen_as_of": at("2020-11-09T11:12:13.456"),
    }


def label(author: str, label_type: str, hour: int, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "author": {"id": author, "email": f"{author}@example.com"},
        "labelType": label_type,
        "createdAt": f"2024-05-01T{hour:02}:00:00Z",
        "jsonResponse": {"KIND": {"categories": [{"name": answer}]}},
        **more,
    }


PAIRS = [
    {
        "id": "rounds",  # two annotators; sent back, labelled again, reviewed again, and labelled once more
        "consensusMark": 0,
        "labels": [
            label("ana", "DEFAULT", 1, "CAR", isSentBackToQueue=True),
            label("bob", "DEFAULT", 1, "BUS"),
            label("rex", "REVIEW", 2, "TRUCK"),
            label("ana", "DEFAULT", 3, "TRUCK", isSentBackToQueue=False),
            label("rex", "REVIEW", 4, "TRUCK"),
            label("ana", "DEFAULT", 5, "VAN"),
        ],
    },
    {
        "id": "itself",  # labels and reviews: one person; a second review has nothing but skipped work before it
        "labels": [label("ana", "DEFAULT", 1, "CAR"), label("ana", "REVIEW", 2, "CAR", reviewScore=0.995)],
    },
    {
        "id": "same-time",  # at the same moment is at or before; two defaults of one moment: the greater key
        "labels": [label("ana", "DEFAULT", 1, "CAR"), label("rex", "REVIEW", 1, "CAR")],
    },
    {
        "id": "unpaired",  # a review before any default counts as a round, and machines and drafts never pair
        "labels": [
            label("rex", "REVIEW", 1, "CAR"),
            label("bot", "PREDICTION", 2, "CAR", modelName="m"),
            label("bot", "INFERENCE", 1, "CAR", modelName="m"),
            label("ana", "AUTOSAVE", 1, "CAR"),
            label("ana", "DEFAULT", 2, "CAR", skipped=True),
            label("ana", "DEFAULT", 3, "CAR"),
            label("max", "REVIEW", 4, "BUS", skipped=True),
            label("max", "REVIEW", 5, "BUS"),
        ],
    },
    {
        "id": "truth-by-asset",  # no label says whether it is the truth, so the asset's reviews are
        "isHoneypot": True,
        "honeypotMark": 0.25,
        "labels": [label("rex", "REVIEW", 9, "CAR"), label("ana", "DEFAULT", 1, "CAR", honeypotMark=1)],
    },
    {
        "id": "truth-by-label",  # labels say which is the truth: the other review is one
        "isHoneypot": True,
        "labels": [
            label("rex", "REVIEW", 2, "CAR", isHoneypot=True),
            label("ana", "DEFAULT", 1, "CAR", isHoneypot=False),
            label("max", "REVIEW", 3, "CAR", isHoneypot=False),
        ],
    },
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "pairs.json").write_text(json.dumps(PAIRS))
    load(folder / "warehouse", folder / "pairs.json")
    return folder / "warehouse"


def test_reviews_are_paired_with_what_they_reviewed(pairs: Path) -> None:
    rows = query(
        pairs,
        """select asset_id, hour(review_created_at) as review, reviewer_id, hour(default_created_at) as default_,
            annotator_id, review_round, is_latest_review, is_self_review, was_sent_back, is_unchanged
        from marts.review_vs_default order by all""",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("itself", 2, "ana", 1, "ana", 1, True, True, None, True),
        ("rounds", 2, "rex", 1, "ana", 1, False, False, True, False),
        ("rounds", 2, "rex", 1, "bob", 1, False, False, None, False),
        ("rounds", 4, "rex", 1, "bob", 2, True, False, None, False),
        ("rounds", 4, "rex", 3, "ana", 2, True, False, False, True),
        ("same-time", 1, "rex", 1, "ana", 1, True, False, None, True),
        ("truth-by-label", 3, "max", 1, "ana", 1, True, False, None, True),
        ("unpaired", 5, "max", 3, "ana", 2, True, False, None, False),
    ]


def test_pairs_are_kept_with_their_answers_for_the_comparison(pairs: Path) -> None:
    rows = query(
        pairs,
        """select purpose, label_pairs.asset_id, left_label.label_type as was, right_label.label_type as became,
            left_response_hash is not null and right_response_hash is not null as has_answers
        from intermediate.label_pairs
        join intermediate.current_labels as left_label on left_label.label_key = left_label_key
        join intermediate.current_labels as right_label on right_label.label_key = right_label_key
        order by all""",
        "work/warehouse.duckdb",
    )
    assert [tuple(row.values()) for row in rows if row["purpose"] != "review"] == [
        ("consensus", "rounds", "DEFAULT", "DEFAULT", True),
        ("honeypot", "truth-by-asset", "DEFAULT", "REVIEW", True),
        ("honeypot", "truth-by-label", "DEFAULT", "REVIEW", True),
        ("prediction", "unpaired", "INFERENCE", "DEFAULT", True),
        ("prediction", "unpaired", "PREDICTION", "DEFAULT", True),
    ]
    reviews = [row for row in rows if row["purpose"] == "review"]
    assert len(reviews) == 8
    assert {tuple(row.values())[2:] for row in reviews} == {("DEFAULT", "REVIEW", True)}


def test_kilis_marks_are_compared_with_ours_and_a_check_warns_of_differences(pairs: Path, samples: Path) -> None:
    rows = query(
        pairs,
        """select mark, asset_id, label_key is null as is_of_asset, kili_score, score, difference
        from marts.score_reconciliation order by all""",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("consensus_mark", "rounds", True, 0.0, 0.0, 0.0),
        ("honeypot_mark", "truth-by-asset", False, 1.0, 1.0, 0.0),
        ("honeypot_mark", "truth-by-asset", True, 0.25, 1.0, 0.75),
        ("review_score", "itself", False, 0.995, 1.0, pytest.approx(0.005)),
    ]
    warned = checks.scores_match_kili(settings.from_environment().at("x", pairs), warehouse_lock=None)
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    shown = [record.data for record in warned.metadata["rows"].records]
    assert [(row["asset_id"], row["kili_score"], row["score"]) for row in shown] == [("truth-by-asset", 0.25, 1.0)]
    assert checks.scores_match_kili(settings.from_environment().at("x", samples), warehouse_lock=None).passed


def test_our_scores_equal_those_of_kilis_server(samples: Path) -> None:
    rows = query(samples, "select * from marts.score_reconciliation where external_id = 'car_1'")
    assert len(rows) == 4
    assert all(abs(row["difference"]) < 1e-6 for row in rows)


def test_the_worked_example_of_the_readme_has_its_stated_score(samples: Path) -> None:
    rows = query(
        samples,
        """select job_name, jobs.score, score_method, weight, pairs.score as pair_score
        from marts.review_vs_default_jobs as jobs
        join marts.review_vs_default as pairs using (review_label_key, default_label_key)
        where external_id = 'street.jpg' order by job_name""",
    )
    plate, overlap = (2 * 7 / (7 + 8)) ** 0.5, 0.18 * 0.2 / (0.2 * 0.2 + 0.22 * 0.23 - 0.18 * 0.2)
    objects = pytest.approx((plate + overlap) / 6)
    whole = pytest.approx((plate + overlap + 1) / 7)
    assert [tuple(row.values()) for row in rows] == [
        ("OBJECTS", objects, "matched_iou", 6.0, whole),
        ("WEATHER", 1.0, "category_jaccard", 1.0, whole),
    ]


def test_the_latest_label_of_a_user_has_any_type_except_autosave(pairs: Path) -> None:
    rows = query(
        pairs,
        """select author_id, label_type, hour(created_at) as hour, label_count, exported_flag, agrees_with_export
        from marts.latest_label_per_user where asset_id in ('unpaired', 'itself') order by asset_id, author_id""",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("ana", "REVIEW", 2, 2, None, None),
        ("ana", "DEFAULT", 3, 2, None, None),
        ("bot", "PREDICTION", 2, 2, None, None),
        ("max", "REVIEW", 5, 2, None, None),
        ("rex", "REVIEW", 1, 1, None, None),
    ]


def test_the_exported_flag_is_shown_next_to_ours(samples: Path) -> None:
    rows = query(
        samples,
        """select distinct author_id, label_type, label_count, exported_flag, agrees_with_export
        from marts.latest_label_per_user where external_id = 'car 1.jpg' order by all""",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("user-ana", "DEFAULT", 2, True, True),
        ("user-bob", "DEFAULT", 1, True, True),
        ("user-rev", "REVIEW", 1, True, True),
    ]


def test_annotations_of_the_seed_page_have_the_expected_rows(samples: Path) -> None:
    rows = query(samples, "select * from marts.annotations where asset_id = 'seed-asset-1' order by job_name limit 1")
    told = {name: value for name, value in rows[0].items() if value is not None and not name.endswith("_key")}
    assert told == {
        "asset_id": "seed-asset-1",
        "job_name": "JOB_1",
        "kind": "classification",
        "category": "CATEGORY_1",
        "confidence": 91.0,
    }
    assert SAMPLES.exists()
