"""Packaging only; everything else about the project is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    name="reasonrec",
    version="0.1.0",
    description="Tonight's recommendations, with reasons people can trust: PySpark, Horovod and Delta jobs.",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["jobs", "jobs.*", "libs", "libs.*"]),
    package_data={"libs.spark": ["*.java"]},
    entry_points={"console_scripts": ["reasonrec=jobs.run:main"]},
)
