"""This project's Java sources, compiled at runtime."""

from __future__ import annotations

from importlib.resources import files


def java_source(name: str) -> str:
    """The source of a class; works as well when spark-submit ships the project as a zip archive."""
    return files("libs.spark").joinpath(f"{name}.java").read_text(encoding="utf-8")
