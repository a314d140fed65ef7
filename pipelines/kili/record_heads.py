"""The head of a record: the keys that show which asset it belongs to and whether it is a label. The rest is skipped."""

from typing import Any, Final

import msgspec

from pipelines.kili import faults
from pipelines.landing import discovery

_ABSENT: Final = msgspec.Raw()


class Head(msgspec.Struct):
    """The keys that identify a record."""

    id: Any = None
    labelType: msgspec.Raw = _ABSENT
    jsonResponse: msgspec.Raw = _ABSENT
    assetId: Any = None
    labelOf: Any = None
    type: Any = None
    chatItems: msgspec.Raw = _ABSENT
    raw_data: msgspec.Raw = _ABSENT
    images: msgspec.Raw = _ABSENT
    annotations: msgspec.Raw = _ABSENT

    @property
    def is_label(self) -> bool:
        """Whether the record is a label that names its asset. Every dump of labels has at least one of these keys."""
        asset_id = faults.number_as_text(self.assetId)
        return bool(bytes(self.labelType) or bytes(self.jsonResponse) or asset_id or self.labelOf)

    @property
    def asset_id(self) -> str | None:
        """Kili's id of the asset that the record is or names."""
        if not self.is_label:
            return _id_text(self.id)
        return _id_text(self.assetId) or _id_text(self.labelOf.get("id") if isinstance(self.labelOf, dict) else None)

    @property
    def foreign_format(self) -> str | None:
        """The format of a record that is not Kili's, with the remedy; null for Kili's own."""
        if self.is_label or self.id is not None:
            return None
        if bytes(self.chatItems) or bytes(self.raw_data):
            return "an LLM dump (kili.llm.export): export the project's labels with export_labels(fmt='raw')"
        if bytes(self.images) and bytes(self.annotations):
            return f"a COCO file: {discovery.EXPORT_AGAIN}"
        return f"a GeoJSON file: {discovery.EXPORT_AGAIN}" if self.type in ("FeatureCollection", "Feature") else None


_DECODER: Final = msgspec.json.Decoder(Head, float_hook=str)
_UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def read_head(raw: bytes) -> Head | None:
    """Returns the head of a record, or null if the record is broken."""
    try:
        return _DECODER.decode(raw)
    except _UNDECODABLE:
        return None


def _id_text(value: object) -> str | None:
    text = faults.number_as_text(value)
    return text if isinstance(text, str) and text else None
