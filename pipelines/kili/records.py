"""The tables of schema `kili`, each declared once.

A field's alias is the key of the exported asset or label that its column holds. Everything that reads the keys of an
export or lists columns is made from these declarations: a new field is added here, and nowhere else up to the marts.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipelines.loading.tables import Json, Record, declared


class Exports(Record):
    """One row for each export ever loaded, known by its content: the same bytes under two names is one export."""

    export_id: str = Field(
        description="SHA-256 of the file's bytes; for a folder, of the sorted names and hashes of its files; for what "
        "cannot be read, of 'unreadable ' and file_url"
    )
    file_url: str = Field(description="Where the export was read from")
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
    ) = Field(description="How the export is packed; null where that could not be told")
    label_container: Literal["labels", "latestLabel", "latestLabels"] | None = Field(
        description="The key that holds an asset's labels; null where no asset has one"
    )
    export_type: str | None = Field(description="'Exported labels' in the README: normal, latest, …")
    project_id: str | None = Field(description="The records' own, else the README's, else KILI_PROJECT_ID, else null")
    project_name: str | None = Field(description="'Project name' in the README")
    as_of: datetime | None = Field(
        description="When the export was true: the README's export date; without a README the greatest createdAt or "
        "updatedAt of its assets and labels, a lower bound. Null loses to every other"
    )
    size_bytes: int = Field(description="Size of the file, or of all files of a folder")
    asset_count: int = Field(description="Asset records in the export, rejected and repeated ones included")
    label_count: int = Field(description="Labels in the export, rejected and repeated ones included")
    annotation_count: int = Field(
        description="Annotations in the labels that were not rejected, counted when they were loaded"
    )
    rejected_asset_count: int = Field(description="Asset records that could not be loaded")
    rejected_label_count: int = Field(description="Labels that could not be loaded, alone or with their asset")
    duplicate_asset_count: int = Field(
        description="Asset records united with an earlier record of the same asset in this export"
    )
    duplicate_label_count: int | None = Field(
        description="Labels united with an earlier one of the same asset in this export: the same Kili label id, or "
        "without one the same text; null where an older loader did not count them"
    )
    unchanged_asset_count: int = Field(
        description="Assets whose version was in the warehouse already, so that only the sighting was written"
    )
    is_rejected: bool = Field(description="The export was rejected whole")
    loader_version: str = Field(description="Version of the loader that read it")
    loaded_at: datetime = Field(description="When it was read")


class Sightings(Record):
    """One row for each asset in each export: which version of the asset was true when."""

    export_id: str = Field(description="The export, in exports")
    asset_id: str = Field(description="The asset")
    asset_version: str = Field(description="The version seen, in assets")
    record_hash: str | None = Field(
        description="Hash of the record's own text, where that and nothing else told the version: the same text in "
        "another export need not be read"
    )


class Assets(Record):
    """One row for each version of an asset, append-only."""

    asset_id: str = Field(alias="id", description="Kili's id of the asset")
    asset_version: str = Field(
        description="Hash of all that is stored of this asset and its labels, order of labels ignored"
    )
    project_id: str | None = Field(alias="projectId", description="The project, where the record itself names it")
    external_id: str | None = Field(
        alias="externalId", description="The identifier given at upload; not guaranteed to be unique"
    )
    content: str | None = Field(
        alias="content", description="URL of the content, signing parameters cut, or the text itself"
    )
    status: str | None = Field(
        alias="status", description="Kili's status of the asset: TODO, ONGOING, LABELED, TO_REVIEW, REVIEWED, …"
    )
    json_metadata: Json | None = Field(alias="jsonMetadata", description="The user's own metadata, any JSON value")
    is_honeypot: bool | None = Field(alias="isHoneypot", description="The asset is a honeypot: its truth is known")
    honeypot_mark: float | None = Field(
        alias="honeypotMark", description="Kili's agreement of the labels with the truth, 0 to 1"
    )
    is_used_for_consensus: bool | None = Field(
        alias="isUsedForConsensus", description="The asset is labelled by several people on purpose"
    )
    consensus_mark: float | None = Field(
        alias="consensusMark", description="Kili's agreement between the labelers, 0 to 1"
    )
    inference_mark: float | None = Field(
        alias="inferenceMark", description="Kili's agreement of people and model, 0 to 1"
    )
    skipped: bool | None = Field(alias="skipped", description="The asset was skipped")
    total_seconds_to_label: float | None = Field(
        alias="totalSecondsToLabel", description="Labeling time of the asset in seconds"
    )
    created_at: datetime | None = Field(alias="createdAt", description="When the asset was made")
    updated_at: datetime | None = Field(alias="updatedAt", description="When the asset was last changed")
    extra: Json | None = Field(description="Every key of the asset that has no column of its own")


class Labels(Record):
    """One row for each label in each asset version, append-only."""

    label_key: str = Field(
        description="Hash of asset, author id, type, time and model of the label: the same label has one key in every "
        "export, with or without Kili's label id. A label exported once with its author's id and once without has two"
    )
    asset_id: str = Field(description="The labelled asset")
    asset_version: str = Field(description="The version of the asset that holds this state of the label")
    label_id: str | None = Field(alias="id", description="Kili's id of the label; null in archives of Kili's SDK")
    author_id: str | None = Field(alias="author.id", description="Kili's id of the person or key that made the label")
    author_email: str | None = Field(alias="author.email", description="The author's e-mail address")
    author_name: str | None = Field(alias="author.name", description="The author's name as exported")
    label_type: str = Field(alias="labelType", description="DEFAULT, REVIEW, PREDICTION, INFERENCE or AUTOSAVE")
    created_at: datetime = Field(alias="createdAt", description="When the label was made")
    model_name: str | None = Field(alias="modelName", description="The model, for PREDICTION and INFERENCE")
    skipped: bool | None = Field(alias="skipped", description="The labeler skipped the asset instead of labelling it")
    is_sent_back_to_queue: bool | None = Field(
        alias="isSentBackToQueue", description="The asset was sent back because of this label"
    )
    is_latest_label_for_user: bool | None = Field(
        alias="isLatestLabelForUser",
        description="The export's own flag: this author's last submitted label on the asset, over all types",
    )
    is_honeypot: bool | None = Field(alias="isHoneypot", description="The label is the truth of a honeypot")
    consensus_mark: float | None = Field(
        alias="consensusMark", description="Kili's agreement with the other labelers, 0 to 1"
    )
    honeypot_mark: float | None = Field(
        alias="honeypotMark", description="Kili's agreement with the honeypot's truth, 0 to 1"
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
        description="Time spent on the asset by all its labels in seconds; repeated on each label, never sum it",
    )
    response_hash: str | None = Field(description="Hash of the answer; null where the export has no answer")
    annotation_count: int = Field(description="Annotations in the answer, counted when it was loaded")
    extra: Json | None = Field(description="Every key of the label that has no column of its own")


class Responses(Record):
    """One row for each answer a label has ever had: (label, hash of the answer)."""

    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer")
    json_response: Json = Field(description="The complete answer, keys sorted")


class Flattenings(Record):
    """One row for each answer and version of the flattening, also where the answer yields no annotation.

    Append-only: (label_key, response_hash, flatten_version) is unique, and the greatest flatten_version counts.
    """

    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer")
    flatten_version: int = Field(description="Version of the flattening")
    asset_id: str = Field(description="The labelled asset")
    annotation_count: int = Field(description="Annotations that this flattening found in the answer")
    job_names: Json = Field(description="Sorted list of the jobs that the answer names, those without content included")


class Annotations(Record):
    """One row for each thing said in an answer: each chosen category, object, entity, relation, text, file, ranking.

    In a video there is one for each frame. Written once for each (label_key, response_hash, flatten_version); the
    greatest flatten_version counts.
    """

    annotation_key: str = Field(
        description="Hash of label, answer and place in the answer; unique for each flatten_version"
    )
    label_key: str = Field(description="The label")
    response_hash: str = Field(description="Hash of the answer it stands in")
    flatten_version: int = Field(description="Version of the flattening that wrote the row")
    asset_id: str = Field(description="The labelled asset")
    parent_annotation_key: str | None = Field(description="The annotation that a nested answer belongs to")
    job_name: str = Field(description="The job (task) of the project's ontology that was answered")
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
    ] = Field(description="What was said; unknown: a shape the loader does not understand, kept whole in extra")
    tool: Literal["rectangle", "polygon", "semantic", "marker", "polyline", "vector", "pose"] | None = Field(
        description="The drawing tool of an object"
    )
    mid: str | None = Field(description="Kili's id of the annotation; not unique, no identity across labels")
    category: str | None = Field(description="The category's code in the ontology")
    confidence: float | None = Field(description="0 to 100; 100 by hand")
    text: str | None = Field(description="Transcribed text, content of an entity, name of a file")
    begin_offset: int | None = Field(description="First character of an entity")
    end_offset: int | None = Field(description="Character after the last of an entity")
    frame: int | None = Field(description="Video frame, from 0; null for the whole asset")
    is_key_frame: bool | None = Field(description="Drawn by hand on this frame, not interpolated")
    page_number: int | None = Field(
        description="First page of a document it stands on, from 1; other pages with their shapes are in extra.pages"
    )
    x_min: float | None = Field(description="Left edge, normalised (geospatial: longitude)")
    y_min: float | None = Field(description="Least y, normalised (geospatial: latitude)")
    x_max: float | None = Field(description="Right edge, normalised (geospatial: longitude)")
    y_max: float | None = Field(description="Greatest y, normalised (geospatial: latitude)")
    geometry: str | None = Field(
        description="Shape as valid WKT in normalised coordinates; in a document, that on the first page. The rings of "
        "an area are read even-odd: outline, hole, island. An outline that is not valid, such as one that crosses "
        "itself, is repaired, and extra keeps its points"
    )
    start_mids: Json | None = Field(description="mids that a relation starts from")
    end_mids: Json | None = Field(description="mids that a relation ends at")
    extra: Json | None = Field(
        description="Whatever no column holds, pixel twins aside; all of it for unknown. Keys that start with _ are "
        "ours: _answer what the job's answer says besides, _parts how annotations share a region, _ends what a "
        "relation joins. pages: the other pages of a document that it stands on, a list of page_number and geometry "
        "(WKT, null without a shape)"
    )


class Rejects(Record):
    """One row for each record, entry or file that could not be loaded: unique by export, entry and location."""

    export_id: str = Field(description="The export, in exports")
    file_url: str = Field(description="Where the export was read from")
    entry: str | None = Field(description="Name of the file inside a zip or folder")
    location: str = Field(description="JSON pointer to the record; empty for the whole file or entry")
    asset_id: str | None = Field(description="Kili's id of the asset, where it could be read")
    external_id: str | None = Field(description="The asset's external id, where it could be read")
    reason: str = Field(description="What is wrong, in words a person can act on")
    raw: str | None = Field(description="The record's own text, up to 1 MiB; never a whole file")


EXPORTS = declared(Exports)
SIGHTINGS = declared(Sightings)
ASSETS = declared(Assets)
LABELS = declared(Labels)
RESPONSES = declared(Responses)
FLATTENINGS = declared(Flattenings)
ANNOTATIONS = declared(Annotations)
REJECTS = declared(Rejects)

TABLES = (EXPORTS, SIGHTINGS, ASSETS, LABELS, RESPONSES, FLATTENINGS, ANNOTATIONS, REJECTS)
