"""Java of ours, which is compiled where it runs."""

from __future__ import annotations

from importlib.resources import files


def java_source(name: str) -> str:
    """Of the class by that name; also where spark-submit ships the project as a zip archive."""
    return files("libs.spark").joinpath(f"{name}.java").read_text(encoding="utf-8")
