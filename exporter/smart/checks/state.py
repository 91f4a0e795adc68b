"""What the installation says about itself: maintenance, notices, alarms, the support service."""

from __future__ import annotations

from collections.abc import Iterator

from smart.checks.base import NOT_CHECKED, Facts, Outcome, Reason
from smart.checks.labels import clip

MAX_ALARM = 200


def told(good: bool | None) -> Outcome:
    """An outcome the installation itself reports; None when it says nothing."""
    if good is None:
        return NOT_CHECKED
    return Outcome(True) if good else Outcome(False, Reason.REPORTED)


def check_maintenance(facts: Facts) -> Outcome:
    """Is the server out of maintenance mode? Source: state maintenance."""
    return told(None if facts.report.maintenance is None else not facts.report.maintenance)


def check_need_support(facts: Facts) -> Outcome:
    """Is the main page without the notice that service is required? Source: state need-support."""
    return told(None if facts.report.need_support is None else not facts.report.need_support)


def check_warning(facts: Facts) -> Outcome:
    """Does the server report no alarm messages? Source: state/warning; not checked without a state section."""
    return told(None if facts.report.warnings is None else not facts.report.warnings)


def check_spp(facts: Facts) -> Outcome:
    """Does the user-support service inside the product work? Source: state spp."""
    return told(facts.report.spp_ok)


def read_warnings(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """The alarm messages, one series each. Source: state/warning."""
    for alarm in facts.report.warnings or ():
        yield (clip(alarm.code, 40), clip(alarm.text, MAX_ALARM)), 1.0
