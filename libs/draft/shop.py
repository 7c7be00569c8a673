"""A draft of conf/shops/SHOP.yaml from a shop's files, each guess with its reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap

import yaml

from libs.draft.numbers import currency_of
from libs.draft.sample import ROWS, Sample, UnreadableFileError, read_sample
from libs.draft.sources import Entry, Source, guess, plain_name
from libs.draft.times import days_of
from libs.languages.pack import languages
from libs.logs import visible

EVENTS = ("transactions", "reviews", "interactions")
_WIDTH = 118
_MOST_FILES = 300
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "ja": r"[\u3040-\u30ff]", "ko": r"[\uac00-\ud7af]", "ru": r"[\u0400-\u04ff]",
            "ar": r"[\u0600-\u06ff]", "he": r"[\u0590-\u05ff]", "th": r"[\u0e00-\u0e7f]", "el": r"[\u0370-\u03ff]",
            "en": r"[A-Za-z]"}  # fmt: skip


@dataclass(frozen=True)
class Files:
    """Files of one source: one file, or a pattern that names several of the same columns."""

    path: str
    first: Path
    count: int = 1


@dataclass
class Draft:
    """The YAML, and what stands in the way of running it.

    Attributes:
        lacks: what could not be guessed or is no source, a line each.
    """

    text: str
    sources: list[Source]
    lacks: list[str] = field(default_factory=list)

    @property
    def events(self) -> bool:
        """Whether some source tells what users did."""
        return any(source.kind in EVENTS for source in self.sources)


def draft(given: list[Path], root: Path, name: str) -> Draft:
    """Looks at a shop's files and writes its mapping.

    Args:
        given: files, folders and patterns.
        root: the project's root: paths below it are written relative to it.
        name: of the shop, for the comments.

    Raises:
        UnreadableFileError: nothing at a path, or none of the files can be read.
    """
    samples: list[tuple[Files, Sample]] = []
    unread: list[str] = []
    groups = _grouped([file for path in given for file in _files(path)], root)
    if len(groups) > _MOST_FILES:
        raise UnreadableFileError(f"{len(groups)} files: name those that a shop's sources are made of, or a pattern")
    for files in groups:
        try:
            samples.append((files, read_sample(files.first)))
        except UnreadableFileError as error:
            unread.append(str(error))
    if not samples:
        raise UnreadableFileError(unread[0])
    samples = _merged(samples)
    sources = _sources(samples)
    return _written(sources, {id(sample): files for files, sample in samples}, unread, name)


# ---- files ----


def _files(path: Path) -> list[Path]:
    """The data files of a path: itself, below a folder, or by a pattern."""
    if (path / "_delta_log").is_dir() or path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path)))
    else:
        parts = path.parts
        fixed = next((n for n, part in enumerate(parts) if re.search(r"[*?\[]", part)), None)
        if fixed is None:
            raise UnreadableFileError(f"{path}: no such file or folder")
        found = sorted(file for file in Path(*parts[:fixed]).glob("/".join(parts[fixed:])) if file.is_file())
    if not found:
        raise UnreadableFileError(f"{path}: no file there")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts) or path.suffix in (".md", ".crc", ".yaml")


def _grouped(files: list[Path], root: Path) -> list[Files]:
    """One entry a file; files whose paths differ in a date alone are one source, a delivery a day."""
    groups: dict[str, list[Path]] = {}
    for file in dict.fromkeys(file.resolve() for file in files):
        path = str(file)
        dates = set(_DAY.findall(path))
        groups.setdefault(path.replace(dates.pop(), "{date}") if len(dates) == 1 else path, []).append(file)
    made = []
    for pattern, members in groups.items():
        if len(members) > 1:
            made.append(Files(_relative(pattern, root), members[-1], len(members)))
        else:
            made.append(Files(_relative(str(members[0]), root), members[0]))
    return made


def _relative(path: str, root: Path) -> str:
    below = str(root.resolve()) + "/"
    return path.removeprefix(below) if path.startswith(below) else path


def _merged(samples: list[tuple[Files, Sample]]) -> list[tuple[Files, Sample]]:
    """Files of one folder with the same columns are one source: parts of an export."""
    groups: dict[object, list[tuple[Files, Sample]]] = {}
    for files, sample in samples:
        names = tuple(column.name for column in sample.columns)
        folder, suffixes = str(Path(files.path).parent), "".join(Path(files.path).suffixes[-2:])
        key = (folder, suffixes, names) if "{date}" not in files.path else files.path
        groups.setdefault(key, []).append((files, sample))
    made = []
    for members in groups.values():
        files, sample = members[0]
        stems = [Path(member.path).name for member, _ in members]
        start = re.sub(r"[^\W_]+$|\d+$", "", _common(stems))
        if len(members) > 1 and start:
            pattern = str(Path(files.path).with_name(f"{start}*{''.join(Path(files.path).suffixes[-2:])}"))
            made.append((Files(pattern, files.first, len(members)), sample))
        else:
            made += members
    return made


def _common(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


# ---- the shop ----


def _sources(samples: list[tuple[Files, Sample]]) -> list[Source]:
    """Sources of all files; what events say of products tells which column of a catalogue is its id."""
    names: Counter[str] = Counter()
    drafted: dict[int, list[Source]] = {}
    for _ in range(2):
        names.clear()
        events = [source for made in drafted.values() for source in made if source.kind in EVENTS]
        products = frozenset(id_ for s in events if "product_id" in s.used for id_ in s.used["product_id"].distinct)
        for n, (files, sample) in enumerate(samples):
            name = _source_name(files)
            names[name] += 1
            name = name if names[name] == 1 or not name else f"{name}_{names[name]}"
            drafted[n] = guess(sample, name, products)
    sources = [source for made in drafted.values() for source in made]
    _hint_joins(sources)
    if any(s.kind == "products" and "title" in s.columns and not s.name.endswith("_products") for s in sources):
        # A catalogue is better than the titles on order lines.
        sources = [s for s in sources if not (s.kind == "products" and s.name.endswith("_products"))]
    return sources


def _source_name(files: Files) -> str:
    stem = Path(files.path).name.split(".")[0].replace("{date}", "").replace("*", "")
    name = re.sub(r"__+", "_", re.sub(r"[^a-z0-9_]", "", plain_name(stem)))
    return (
        name
        if re.match(r"[a-z]", name) and stem.strip() and name != "value"
        else f"day_{name}"
        if name != "value"
        else ""
    )


def _hint_joins(sources: list[Source]) -> None:
    """Order lines whose users or times are in another file say so."""
    for lines in sources:
        if lines.kind != "transactions" or "order_id" not in lines.used:
            continue
        order = lines.used["order_id"]
        for other in sources:
            keys = [c for c in other.sample.columns if c.name == order.name and other is not lines and c.texts]
            if other.kind is None and keys and keys[0].distinct & order.distinct:
                lines.notes.append(
                    f"{other.sample.path.name} has the same {order.name}: users and times of the orders may be there;"
                    " a source reads one file, so join the two first"
                )


def _written(sources: list[Source], files: dict[int, Files], unread: list[str], name: str) -> Draft:
    kinds = {source.kind for source in sources}
    events = [source for source in sources if source.kind in EVENTS]
    lacks = [
        f"{source.name}: {told}" for source in sources for told in source.missing.values() if source.kind in EVENTS
    ]
    lines = [
        f"# Drafted from the first {ROWS:,} rows of each file. Check each line, then run: reasonrec shop check {name}"
    ]
    if not events:
        told = "no file tells what users bought, reviewed or did: at least one such source is needed"
        lines += _comment(f"NOT A SHOP YET: {told}", indent="")
    lines += [_line(key, entry) for key, entry in _settings(sources).items()]
    lines.append("sources:")
    for source in sources:
        lines += _source_lines(source, files[id(source.sample)])
        if source.kind is None:
            lacks.append(f"{source.name}: no source: {source.why}")
    lines += [line for told in unread for line in _comment(told)]
    if not kinds - {None}:
        lines += ["  {}"]
    return Draft("\n".join(lines) + "\n", sources, lacks + unread)


def _settings(sources: list[Source]) -> dict[str, Entry]:
    """The shop's own keys."""
    kinds = {source.kind for source in sources}
    interactions = [source for source in sources if source.kind == "interactions"]
    settings = {"timezone": Entry("UTC", "CHECK: no file says it; write it as in Europe/London")}
    language, why = _language(sources)
    settings["languages"] = Entry(f"[{language}]", f"of the sentences; there are {', '.join(languages())}")
    settings["text_language"] = Entry(language, why)
    money = [column for s in sources if s.kind in ("transactions", "products") for column in s.sample.columns]
    code, sign = currency_of(money) or ("USD", "CHECK: not found")
    settings["currency"] = Entry(code, sign)
    action, why = "purchase", "there are sales"
    if "transactions" not in kinds:
        action, why = "review", "no sales, but reviews"
    if not kinds & {"transactions", "reviews"}:
        plays = any("play" in source.columns["kind"].sql for source in interactions)
        action, why = ("play", "no sales and no reviews, but plays") if plays else ("view", "no sales and no reviews")
    settings["action"] = Entry(action, why)
    share = _repeated(sources, action)
    settings["repurchasable"] = Entry(
        "true" if share > 0.02 else "false", f"{share:.0%} of the pairs of user and product come again"
    )
    years = _years(sources)
    # Of some forms of time only the year is read, so the span is a rough one.
    settings["partition"] = Entry("year" if years >= 4 else "month", f"the rows looked at span {_span(years)}")
    return settings


def _language(sources: list[Source]) -> tuple[str, str]:
    texts: Counter[str] = Counter()
    for source in sources:
        for column in ("title", "body", "description", "category", "query"):
            entry = source.columns.get(column)
            for sampled in source.sample.columns:
                if entry and entry.sql == sampled.sql and sampled.type == "text":
                    for text in sampled.texts[:500]:
                        texts.update(code for code, script in _SCRIPTS.items() if re.search(script, text))
    if not texts:
        return "en", "CHECK: no texts to tell it by"
    code, count = texts.most_common(1)[0]
    other = next((c for c in ("ja", "ko") if texts[c] > 0.2 * count), code) if code == "zh" else code
    if other in languages():
        return other, "by the letters of the texts" if other != "en" else "the texts are in Latin letters"
    return "en", f"CHECK: the texts look like {other}, for which there is no language pack"


def _repeated(sources: list[Source], action: str) -> float:
    """Share of the pairs of user and product that occur at more than one time or in more than one order."""
    kind = {"purchase": "transactions", "review": "reviews"}.get(action, "interactions")
    pairs: dict[tuple[object, object], set[object]] = {}
    for source in sources:
        if source.kind == kind and {"user_id", "product_id"} <= set(source.used):
            user, product = source.used["user_id"], source.used["product_id"]
            moment = source.used.get("order_id") or source.used.get("event_time")
            moments = moment.values if moment else (None,) * source.sample.rows
            for pair in zip(user.values, product.values, moments, strict=True):
                if pair[0] is not None:
                    pairs.setdefault(pair[:2], set()).add(pair[2])
    return sum(len(times) > 1 for times in pairs.values()) / max(1, len(pairs))


def _span(years: float) -> str:
    return "less than two years" if years < 2 else f"about {years:.0f} years"


def _years(sources: list[Source]) -> float:
    spans = [days_of(source.used["event_time"]) for source in sources if "event_time" in source.used]
    return max((last - first for first, last in filter(None, spans)), default=0.0) / 365.25


# ---- YAML ----


def _source_lines(source: Source, files: Files) -> list[str]:
    if source.kind is None:
        told = f"{files.path}: no source: {source.why}; its columns: {_named(source.unmapped)}"
        return _comment(told) + [line for note in source.notes for line in _comment(note)]
    sample = source.sample
    lines = _comment(f"{source.kind}: {source.why}")
    if sample.header is not None:
        lines += _comment(f"CHECK: {files.first.name} has no header: `header` names its columns by their values")
    for note in source.notes:
        lines += _comment(note)
    lines.append(f"  {source.name}:")
    body = [_line("kind", Entry(source.kind))]
    count = f"{files.count} files" if files.count > 1 else ""
    daily = f"{files.count} days' files" if "{date}" in files.path else count
    body += [_line("path", Entry(_scalar(files.path), daily)), _line("format", Entry(sample.format))]
    body += [_line(key, Entry(_scalar(value), why)) for key, (value, why) in sample.settings.items()]
    if sample.header is not None:
        body.append(_line("header", Entry(f"[{', '.join(map(_scalar, sample.header))}]")))
    if source.join:
        body.append(_line("join", Entry(_scalar(source.join.sql), source.join.why)))
    if source.directed:
        body.append(_line("directed", Entry("true", "trust or following points one way")))
    if source.where:
        body.append(_line("where", Entry(_scalar(source.where.sql), source.where.why)))
    body.append("columns:")
    for column, entry in source.columns.items():
        body.append("  " + _line(column, Entry(_scalar(entry.sql), entry.why)).replace("\n", "\n  "))
    for told in source.missing.values():
        body += [line.removeprefix("  ") for line in _comment(told, indent="    ")]
    for role, why in (
        ("attributes", "what else describes a product: take away the # of those that should count"),
        ("sensitive", "of persons: for fairness figures only, if you want these"),
    ):
        if proposed := getattr(source, role):
            body.append(f"# {role}:   # {why}")
            body += [f"#   {key}: {_scalar(sql)}" for key, sql in proposed.items()]
    if source.unmapped:
        body += [line.removeprefix("  ") for line in _comment(f"not mapped: {_named(source.unmapped)}")]
    lines += ["    " + line.replace("\n", "\n    ") for line in body]
    if source.missing and source.kind not in EVENTS:  # it would make the whole file invalid, and no list needs it
        lines = ["  # " + line.removeprefix("  ") for text in lines for line in text.split("\n")]
    return lines


def _named(names: list[str]) -> str:
    return ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")


def _line(key: str, entry: Entry) -> str:
    """A key with its value and, behind or above it, the reason."""
    why = _one_line(entry.why)
    line = f"{key}: {entry.sql}"
    if not why:
        return line
    if len(line) + len(why) + 12 <= _WIDTH:
        return f"{line}   # {why}"
    return "\n".join([*(f"# {part}" for part in wrap(why, _WIDTH - 10)), line])


def _scalar(text: str) -> str:
    """A text as YAML writes it on one line: SQL holds quotes, so where it needs some, they are double."""
    if "'" in text and not _plain(text) and "\\" not in text and '"' not in text:
        return f'"{text}"'
    return yaml.safe_dump(text, width=10**9, allow_unicode=True).removesuffix("\n").removesuffix("\n...")


def _plain(text: str) -> bool:
    """Whether YAML takes a text for itself without quotes."""
    try:
        return bool(yaml.safe_load(f"k: {text}") == {"k": text})
    except yaml.YAMLError:
        return False


def _comment(text: str, indent: str = "  ") -> list[str]:
    return [f"{indent}# {part}" for part in wrap(_one_line(text), _WIDTH - len(indent) - 2)]


def _one_line(text: str) -> str:
    """Names and values of strangers must not end a comment."""
    return visible(" ".join(text.split()))
