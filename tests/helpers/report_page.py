"""The quality report as a browser shows it."""

import json
import re
from pathlib import Path
from typing import Any


def data(page: Path) -> Any:
    """The data that a page holds."""
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(block)
