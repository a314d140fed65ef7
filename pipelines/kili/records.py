"""The tables of schema `kili`, each declared once.

A field's alias is the key of the exported asset or label whose value the column holds. Validation, flattening, the dlt
schema and the dbt sources derive from these declarations. A new field is added here and nowhere else before the marts.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipelines.loading.tables import Json, Record, declared


class Exports(Record):
    """One row for each loaded export, identified by its content: the same bytes under two names are one export."""

    export_id: str = Field(
        description="SHA-256 of the file's bytes; for a folder, of the sorted names and hashes of its files; for an "
        "unreadable file, of 'unreadable ' and file_url"
    )
    file_url: str = Field(description="Path or URL that the export was read from")
    layout: (
        Literal[
            "json_list",
            "json_lines",
            "json_object",
            "zip_single_file",
            "zip_per_asset",
            "folder_single_file",
            "folder_per_asset",
            "label_list",
        ]
        | None
    ) = Field(description="How the export is packed; null if the layout could not be determined")
    label_container: Literal["labels", "latestLabel", "latestLabels"] | None = Field(
        description="The key that holds an asset's labels; null if no asset has labels"
    )
    export_type: str | None = Field(description="'Exported labels' in the README: normal, latest, …")
    project_id: str | None = Field(
        description="Kili's id of the project: from the records, else the README, else KILI_PROJECT_ID, else null"
    )
    project_name: str | None = Field(description="'Project name' in the README")
    as_of: datetime | None = Field(
        description="When the export was true: the README's export date; without a README the greatest createdAt or "
        "updatedAt of its assets and labels, a lower bound. Null ranks as the oldest"
    )
    size_bytes: int = Field(description="Size of the file, or of all files of a folder")
    asset_count: int = Field(description="Asset records in the export, including rejected and duplicate records")
    label_count: int = Field(description="Labels in the export, including rejected and duplicate labels")
    annotation_count: int = Field(description="Annotations in the labels that were not rejected, counted at load time")
    rejected_asset_count: int = Field(description="Asset records that could not be loaded")
    rejected_label_count: int = Field(
        description="Labels that could not be loaded, including all labels of rejected assets"
    )
    duplicate_asset_count: int = Field(
        description="Asset records merged into an earlier record of the same asset in this export"
    )
    duplicate_label_count: int | None = Field(
        description="Labels merged into an earlier label of the same asset in this export: labels with the same Kili "
        "label id, or without an id with the same text. Null if an older loader did not count them"
    )
    unchanged_asset_count: int = Field(
        description="Assets whose version was already in the warehouse; only their sighting was written"
    )
    is_rejected: bool = Field(description="The whole export was rejected")
    loader_version: str = Field(description="Version of the loader that read the export")
    loaded_at: datetime = Field(description="When the export was read")


class Sightings(Record):
    """One row for each asset in each export: the version of the asset that the export holds."""

    export_id: str = Field(description="The export, in exports")
    asset_id: str = Field(description="The asset")
    asset_version: str = Field(description="The version of the asset in this export, in assets")
    record_hash: str | None = Field(
        description="Hash of the record's text, if the version depends on that text alone. A later export with the "
        "same text is not parsed again"
    )


class Assets(Record):
    """One row for each version of an asset, append-only."""

    asset_id: str = Field(alias="id", description="Kili's id of the asset")
    asset_version: str = Field(
        description="Hash of all stored values of this asset and its labels, independent of the order of the labels"
    )
    project_id: str | None = Field(alias="projectId", description="Kili's id of the project, if the record names it")
    external_id: str | None = Field(
        alias="externalId", description="The identifier given at upload; not guaranteed to be unique"
    )
    content: str | None = Field(
        alias="content", description="URL of the content without signing parameters, or the text itself"
    )
    status: str | None = Field(
        alias="status", description="Kili's status of the asset: TODO, ONGOING, LABELED, TO_REVIEW, REVIEWED, …"
    )
    json_metadata: Json | None = Field(alias="jsonMetadata", description="The user's own metadata, any JSON value")
    is_honeypot: bool | None = Field(
        alias="isHoneypot", description="The asset is a honeypot: its correct answer is known"
    )
    honeypot_mark: float | None = Field(
        alias="honeypotMark", description="Kili's agreement of the labels with the honeypot's correct answer, 0 to 1"
    )
    is_used_for_consensus: bool | None = Field(
        alias="isUsedForConsensus", description="The asset is assigned to several labelers to measure consensus"
    )
    consensus_mark: float | None = Field(
        alias="consensusMark", description="Kili's agreement between the labelers, 0 to 1"
    )
    inference_mark: float | None = Field(
        alias="inferenceMark", description="Kili's agreement between labelers and model, 0 to 1"
    )
    skipped: bool | None = Field(alias="skipped", description="The asset was skipped")
    total_seconds_to_label: float | None = Field(
        alias="totalSecondsToLabel", description="Labeling time of the asset in seconds"
    )
    created_at: datetime | None = Field(alias="createdAt", description="When the asset was created")
    updated_at: datetime | None = Field(alias="updatedAt", description="When the asset was last changed")
    extra: Json | None = Field(description="The asset's keys that have no column")


class Labels(Record):
    """One row for each label in each asset version, append-only."""

    label_key: str = Field(
        description="Hash of the label's asset, author id, type, creation time and model. A label has the same key in "
        "every export, with or without Kili's label id. A label exported with and without its author's id has two keys"
    )
    asset_id: str = Field(description="The labelled asset")
    asset_version: str = Field(description="The version of the asset that contains this state of the label")
    label_id: str | None = Field(alias="id", description="Kili's id of the label; null in archives of Kili's SDK")
    author_id: str | None = Field(
        alias="author.id", description="Kili's id of the person or API key that created the label"
    )
    author_email: str | None = Field(alias="author.email", description="The author's e-mail address")
    author_name: str | None = Field(alias="author.name", description="The author's name as exported")
    label_type: str = Field(alias="labelType", description="DEFAULT, REVIEW, PREDICTION, INFERENCE or AUTOSAVE")
    created_at: datetime = Field(alias="createdAt", description="When the label was created")
    model_name: str | None = Field(
        alias="modelName", description="Name of the model, for labels of type PREDICTION and INFERENCE"
    )
    skipped: bool | None = Field(alias="skipped", description="The labeler skipped the asset instead of labelling it")
    is_sent_back_to_queue: bool | None = Field(
        alias="isSentBackToQueue", description="The asset was sent back because of this label"
    )
    is_latest_label_for_user: bool | None = Field(
        alias="isLatestLabelForUser",
        description="Kili's flag: this author's last submitted label on the asset, across all label types",
    )
    is_honeypot: bool | None = Field(
        alias="isHoneypot", description="The label holds the correct answer of a honeypot asset"
    )
    consensus_mark: float | None = Field(
        alias="consensusMark", description="Kili's agreement with the other labelers, 0 to 1"
    )
    honeypot_mark: float | None = Field(
        alias="honeypotMark", description="Kili's agreement with the honeypot's correct answer, 0 to 1"
    )
    inference_mark: float | None = Field(
        alias="inferenceMark", description="Kili's agreement with the model's INFERENCE label, 0 to 1"
    )
    review_score: float | None = Field(
        alias="reviewScore", description="Kili's agreement of labeler and reviewer, 0 to 1"
    )
    seconds_to_label: float | None = Field(alias="secondsToLabel", description="Time spent on this label in seconds")
    total_seconds_to_label: float | None = Field(
        alias="totalSecondsToLabel",
        description="Labeling time of the asset over all its labels in seconds. Kili repeats it on each label: do not "
        "sum it",
    )
    response_hash: str | None = Field(description="Hash of the answer; null if the label has no answer")
    annotation_count: int = Field(description="Annotations in the answer, counted at load time")
    extra: Json | None = Field(description="The label's keys that have no column")


class Responses(Record):
    """One row for each answer that a label has ever had, unique by label_key and response_hash."""

    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer")
    json_response: Json = Field(description="The complete answer with sorted keys")


class Flattenings(Record):
    """One row for each answer and flatten version, also for answers without annotations.

    Append-only: (label_key, response_hash, flatten_version) is unique. The greatest flatten_version is current.
    """

    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer")
    flatten_version: int = Field(description="Version of the flattening code")
    asset_id: str = Field(description="The labelled asset")
    annotation_count: int = Field(description="Annotations that this flatten version wrote for the answer")
    job_names: Json = Field(description="Sorted list of the jobs in the answer, including jobs without content")


class Annotations(Record):
    """One row for each annotation in an answer: a chosen category, object, entity, relation, text, file or ranking.

    A video has one row for each annotation and frame. The rows of an answer are written once for each flatten_version;
    the greatest flatten_version is current.
    """

    annotation_key: str = Field(
        description="Hash of label, answer and position in the answer; unique within a flatten_version"
    )
    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer that contains the annotation")
    flatten_version: int = Field(description="Version of the flattening code that wrote the row")
    asset_id: str = Field(description="The labelled asset")
    parent_annotation_key: str | None = Field(description="The annotation that contains this nested annotation")
    job_name: str = Field(description="The job (task) of the project's ontology that the annotation answers")
    kind: Literal[
        "classification",
        "object",
        "entity",
        "relation",
        "transcription",
        "pose",
        "comparison",
        "ranking",
        "file",
        "unknown",
    ] = Field(
        description="Kind of annotation; unknown: the loader does not know its structure and keeps all of it in extra"
    )
    tool: Literal["rectangle", "polygon", "semantic", "marker", "polyline", "vector", "pose"] | None = Field(
        description="The drawing tool of an object"
    )
    mid: str | None = Field(description="Kili's id of the annotation; neither unique nor stable across labels")
    category: str | None = Field(description="The category's code in the ontology")
    confidence: float | None = Field(description="Confidence, 0 to 100; 100 for annotations made by hand")
    text: str | None = Field(description="Transcribed text, content of an entity, or name of a file")
    begin_offset: int | None = Field(description="Offset of an entity's first character")
    end_offset: int | None = Field(description="Offset of the character after an entity's last character")
    frame: int | None = Field(description="Video frame, from 0; null for annotations of the whole asset")
    is_key_frame: bool | None = Field(description="The annotation was drawn by hand on this frame, not interpolated")
    page_number: int | None = Field(
        description="First page of a document that contains the annotation, from 1; extra.pages holds the other pages "
        "with their shapes"
    )
    x_min: float | None = Field(description="Left edge, normalised (geospatial: longitude)")
    y_min: float | None = Field(description="Smallest y, normalised (geospatial: latitude)")
    x_max: float | None = Field(description="Right edge, normalised (geospatial: longitude)")
    y_max: float | None = Field(description="Greatest y, normalised (geospatial: latitude)")
    geometry: str | None = Field(
        description="Shape as valid WKT in normalised coordinates; in a document, the shape on the first page. Rings "
        "of an area follow the even-odd rule: outline, hole, island. An invalid outline, such as one that crosses "
        "itself, is repaired, and extra keeps its original points"
    )
    start_mids: Json | None = Field(description="List of the mids at which a relation starts")
    end_mids: Json | None = Field(description="List of the mids at which a relation ends")
    extra: Json | None = Field(
        description="The annotation's values that have no column, except pixel coordinates; the whole annotation for "
        "kind unknown. The loader adds the keys that start with _: _answer holds other keys of the job's answer, "
        "_parts how annotations share a region, _ends the type of a relation's ends. pages lists the other pages of a "
        "document, each with page_number and geometry (WKT, null without a shape)"
    )


class Rejects(Record):
    """One row for each record, entry or file that could not be loaded, unique by export, entry and location."""

    export_id: str = Field(description="The export, in exports")
    file_url: str = Field(description="Path or URL that the export was read from")
    entry: str | None = Field(description="Name of the file inside a zip or folder")
    location: str = Field(description="JSON pointer to the record; empty for the whole file or entry")
    asset_id: str | None = Field(description="Kili's id of the asset; null if it could not be read")
    external_id: str | None = Field(description="The asset's external id; null if it could not be read")
    reason: str = Field(description="What is wrong and, where possible, how to fix it")
    raw: str | None = Field(description="The record's text, up to 1 MiB; never a whole file")


EXPORTS = declared(Exports)
SIGHTINGS = declared(Sightings)
ASSETS = declared(Assets)
LABELS = declared(Labels)
RESPONSES = declared(Responses)
FLATTENINGS = declared(Flattenings)
ANNOTATIONS = declared(Annotations)
REJECTS = declared(Rejects)

TABLES = (EXPORTS, SIGHTINGS, ASSETS, LABELS, RESPONSES, FLATTENINGS, ANNOTATIONS, REJECTS)
