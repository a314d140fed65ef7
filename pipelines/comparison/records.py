"""The tables of schema `comparison`, each declared once."""

from typing import Literal

from pydantic import Field

from pipelines.loading.tables import Record, declared


class Methods(Record):
    """One row for each change of the comparison method; the newest is valid."""

    method_version: str = Field(description="Name of the method: code, flattening of answers, settings")
    relabel_iou: float = Field(
        description="Smallest overlap (IoU) at which annotations of different categories count as relabelled"
    )
    key_frames_only: bool = Field(description="Whether only the key frames of videos enter the scores")


class Pairs(Record):
    """One row for each compared pair of labels, with the answers and method it was compared by; append-only."""

    pair_key: str = Field(description="Hash of both labels, both answers and the method")
    left_label_key: str = Field(description="The label that is scored, by the key under which its answer is stored")
    left_response_hash: str = Field(description="Its answer")
    right_label_key: str = Field(
        description="The label that it is compared with, by the key under which its answer is stored"
    )
    right_response_hash: str = Field(description="Its answer")
    method_version: str = Field(description="The method, in methods")
    score: float | None = Field(
        description="Agreement of the labels, 0 to 1: mean of the jobs' scores by weight; null if nothing is scored"
    )


class Jobs(Record):
    """One row for each compared pair and top-level job that either label names."""

    pair_key: str = Field(description="The pair")
    job_name: str = Field(description="The job (task) of the project's ontology")
    kind: str | None = Field(
        description="Kind of the job's answers, as in annotations; null if neither label has an answer"
    )
    score: float | None = Field(description="Agreement in this job, nested jobs included, 0 to 1; null if not scored")
    score_method: Literal["category_jaccard", "matched_iou", "relation_jaccard", "bigram_dice", "equality"] | None = (
        Field(
            description="How it is scored: Jaccard's index of the categories, overlap of matched objects or spans, "
            "Jaccard's index of the relations, Dice's coefficient of the texts' character bigrams, or 1 where equal; "
            "null if not scored"
        )
    )
    weight: float = Field(description="Weight of the job in the pair's score; 0 if not scored")
    left_annotation_count: int = Field(description="Annotations of the left label, nested ones included")
    right_annotation_count: int = Field(description="Annotations of the right label, nested ones included")
    kept_count: int = Field(description="Annotations that are the same in both")
    added_count: int = Field(description="Annotations only the right label has")
    removed_count: int = Field(description="Annotations only the left label has")
    relabelled_count: int = Field(description="Annotations with a different category")
    moved_count: int = Field(description="Annotations with a different span, shape or ends")
    relabelled_and_moved_count: int = Field(description="Annotations that are relabelled and moved")
    text_changed_count: int = Field(description="Annotations with a different text, file or ranking")


class Edits(Record):
    """One row for each annotation of a compared pair, nested ones included, and its edit."""

    pair_key: str = Field(description="The pair")
    edit: Literal["kept", "added", "removed", "relabelled", "moved", "relabelled_and_moved", "text_changed"] = Field(
        description="The change of the left label's annotation in the right label"
    )
    left_annotation_key: str | None = Field(description="The annotation of the left label; null if added")
    right_annotation_key: str | None = Field(description="The annotation of the right label; null if removed")
    job_name: str = Field(description="The job that the annotation answers, also for a nested job")
    kind: str = Field(description="Kind of the annotation, as in annotations")
    left_category: str | None = Field(description="Category of the left label's annotation")
    right_category: str | None = Field(description="Category of the right label's annotation")
    iou: float | None = Field(
        description="Overlap (IoU) of the two areas or spans, 0 to 1; null for annotations without area or span"
    )


class DawidSkene(Record):
    """One row for each unit (asset and job with two ratings or more) when the Dawid-Skene model was fitted to its job.

    Append-only. A job is fitted once for each state of its ratings.
    """

    ratings_hash: str = Field(
        description="Hash of the ratings of the project and job, as in `intermediate.job_ratings`"
    )
    project_id: str | None = Field(description="The project")
    job_name: str = Field(description="The job (task) of the project's ontology")
    asset_id: str = Field(description="The asset")
    rating: str = Field(description="The rating of the greatest probability, ties within 1e-9 the least by code point")
    confidence: float = Field(description="Its probability by the model, 0 to 1")
    iteration_count: int = Field(description="Iterations of the fit, 1 to 200")


METHODS = declared(Methods)
PAIRS = declared(Pairs)
JOBS = declared(Jobs)
EDITS = declared(Edits)
DAWID_SKENE = declared(DawidSkene)

TABLES = (METHODS, PAIRS, JOBS, EDITS, DAWID_SKENE)
