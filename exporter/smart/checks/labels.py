"""Label values of bounded length and number."""

from __future__ import annotations

from collections.abc import Mapping

MAX_LABEL = 300
KEPT_NAMES = 10
OTHERS = "other"


def clip(text: str, limit: int = MAX_LABEL) -> str:
    """The beginning of a text, with an ellipsis when something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip_path(path: str, limit: int = MAX_LABEL) -> str:
    """The end of a path, which tells files apart, with an ellipsis when something was cut."""
    return path if len(path) <= limit else "…" + path[1 - limit :]


def bounded(counts: Mapping[str, int], known: tuple[str, ...]) -> list[tuple[tuple[str, ...], float]]:
    """Counts by name: the known names always, a few others as reported, the rest summed up as `other`."""
    found = {name: counts.get(name, 0) for name in known}
    strange = sorted((name for name in counts if name not in found), key=lambda name: (-counts[name], name))
    for place, name in enumerate(strange):
        kept = clip(name, 40) if place < KEPT_NAMES else OTHERS
        found[kept] = found.get(kept, 0) + counts[name]
    return [((name,), float(count)) for name, count in found.items()]
