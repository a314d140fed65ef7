"""Prepares a folder in which MetricFlow's `mf` queries the published warehouse:

python -m pipelines.transform.metrics
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from pipelines import settings
from pipelines.settings import Settings
from pipelines.transform import project

_NAME: Final = "kili_warehouse"
_PROJECT: Final = {
    "name": _NAME,
    "version": "1.0.0",
    "profile": _NAME,
    "flags": {"send_anonymous_usage_stats": False},
}


def prepare(chosen: Settings) -> Path:
    """Writes a dbt project that holds only the parsed metrics and a read-only profile; returns its folder.

    `mf` accepts no other place for either. YAML files may hold JSON.
    """
    folder = chosen.prepare_work() / "metrics"
    (folder / "target").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(json.dumps(_PROJECT))
    (folder / "profiles.yml").write_text(json.dumps({_NAME: _profile(chosen.warehouse / "warehouse.duckdb")}))
    parsed = project.manifest(chosen.database, chosen.dbt).with_name("semantic_manifest.json")
    shutil.copy(parsed, folder / "target")
    return folder


def _profile(published: Path) -> dict[str, Any]:
    target = {
        "type": "duckdb",
        "path": str(published.absolute()),
        "config_options": {"access_mode": "READ_ONLY"},
        "settings": {"TimeZone": "UTC", "autoinstall_known_extensions": False},
    }
    return {"target": "published", "outputs": {"published": target}}


if __name__ == "__main__":
    chosen = settings.from_environment()
    if not (chosen.warehouse / "warehouse.duckdb").exists():
        sys.exit(f"there is no warehouse in {chosen.warehouse}: load exports with `kili-warehouse run` first")
    print(prepare(chosen))
