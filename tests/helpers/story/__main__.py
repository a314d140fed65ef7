"""`make story`: the sample project's exports, written anew."""

from pathlib import Path

from helpers.story import exports

exports.write(Path(__file__).parents[2] / "samples")
