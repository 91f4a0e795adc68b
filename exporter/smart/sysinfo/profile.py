"""Reads the YAML of a mapping profile (language: profiles/reference.yml), complaining of all its mistakes at once."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from smart.sysinfo.fields import INSIDE, KINDS, FieldType, Target
from smart.sysinfo.layout import NO_ZONE, FieldRule, KindRule, Place, Profile, choose_profile
from smart.yamlfile.fields import Fields, open_config
from smart.yamlfile.forms import SWITCH_FORM, TEXT_FORM, Form
from smart.yamlfile.problems import quoted

__all__ = ["REFERENCE", "Profile", "choose_profile", "load_profile"]

REFERENCE = Path(str(files("smart") / "profiles" / "reference.yml"))

_DEEPEST = 32  # steps of a path
_NAME = re.compile(r"[^\W\d][\w.-]*")  # an element, without a prefix
_ATTRIBUTE = re.compile(r"[^\W\d][\w.:-]*")
_DATED = (FieldType.INSTANT, FieldType.HOUR, FieldType.DATE)


def load_profile(path: Path = REFERENCE) -> Profile:
    """Read a profile. Raises ConfigError with all its mistakes, each as `file:line: field: what (what is right)`."""
    top = open_config(path)
    root = top.value("root", ROOT_FORM, "", required=True)
    entries = {name: entry for name in KINDS if (entry := top.nested(name, required=name == "report"))}
    kinds = {name: _kind(entry, name) for name, entry in sorted(entries.items(), key=lambda item: item[1].line)}
    _check_kinds(entries, kinds)
    top.close()
    return Profile(root, kinds, str(path))


def _check_kinds(entries: dict[str, Fields], kinds: dict[str, KindRule]) -> None:
    """What kinds say together: each has its own element, some stand inside others."""
    owner: dict[tuple[str, ...], str] = {}
    for kind, rule in kinds.items():
        if rule.path and owner.setdefault(rule.path, kind) != kind:
            entries[kind].problem("path", f"is the element of {owner[rule.path]} already")
        outside = INSIDE.get(kind)
        if outside and outside not in kinds:
            entries[kind].problem("path", f"needs {outside} beside it: each belongs to one of them")
        elif outside and kinds[outside].path != rule.path[: len(kinds[outside].path)]:
            entries[kind].problem("path", f"must stand inside {'/'.join(kinds[outside].path)} ({outside})")


def _kind(entry: Fields, kind: str) -> KindRule:
    path: tuple[str, ...] = ()
    section: tuple[str, ...] = ()
    if kind != "report":
        path = entry.value("path", PATH_FORM, (), required=True)
        section = entry.value("section", PATH_FORM, path[:-1] or path)
    fields = entry.nested("fields", required=True)
    rules = []
    for name, target in KINDS[kind].items():
        field = fields.nested(name) if fields else None
        if field is not None:
            rules.append(_field(field, name, target, path))
            continue
        if fields and (target.must or not target.nullable) and not fields.given(name):
            fields.problem(name, "has to be mapped: records are told apart by it")
        rules.append(FieldRule(name, target.type, None, minimum=target.minimum))
    if fields:
        fields.finish()
    entry.finish()
    return KindRule(kind, path, section, tuple(rules))


def _field(fields: Fields, name: str, target: Target, record: tuple[str, ...]) -> FieldRule:
    """One field of the record whose element is at `record`."""
    rule = FieldRule(
        name,
        target.type,
        fields.value("at", _place_form(record, target.type), None, required=True),
        required=fields.value("required", SWITCH_FORM, False),
        default=fields.value("default", TEXT_FORM, None),
        minimum=target.minimum,
        longest=target.longest,
        true=frozenset(fields.value_list("true", WORD_FORM, required=fields.given("true"))),
        false=_words_for_no(fields),
        format=fields.value("format", TEXT_FORM, None),
    )
    fields.value("type", _type_form(target.type), None, required=True)
    fields.finish()
    _check_field(fields, rule, target)
    return rule


def _words_for_no(fields: Fields) -> frozenset[str] | None:
    return frozenset(fields.value_list("false", WORD_FORM, required=True)) if fields.given("false") else None


def _check_field(fields: Fields, rule: FieldRule, target: Target) -> None:
    """What the keys of one field say together."""
    boolean = rule.type is FieldType.BOOLEAN
    for key in ("true", "false"):
        if fields.given(key) and not boolean:
            fields.problem(key, "only a boolean has words for yes and no")
    if boolean and not fields.given("true"):
        fields.problem("true", "is missing: a boolean needs the words that mean yes, such as true: [yes, да]")
    if rule.false and rule.true & rule.false:
        fields.problem("false", "a word cannot mean both yes and no")
    if fields.given("format") and rule.type not in _DATED:
        fields.problem("format", "only instant, hour and date have a format")
    if rule.required and fields.given("default"):
        fields.problem("default", "a required field has no default (one of the two)")
    if not (rule.required or target.nullable or fields.given("default")):
        fields.problem("required", "must be yes, or a default given: its column cannot be empty")
    try:
        rule.default_value(NO_ZONE)
    except (ValueError, OverflowError):
        fields.problem("default", f"{quoted(rule.default or '')} is not of the type {rule.type}")


def _place_form(record: tuple[str, ...], type_: FieldType) -> Form[Place]:
    """Where a field is, made absolute: `at` is written from the element of the record."""
    right = "card" if type_ is FieldType.PRESENCE else "@name, text(), card/@name, card/text() or ../@name"

    def read(value: str) -> Place:
        *steps, last = value.split("/")
        attribute = last[1:] if last.startswith("@") else None
        if type_ is FieldType.PRESENCE:
            steps, attribute, last = [*steps, last], None, ""
        base = list(record)
        while steps and steps[0] == ".." and base:
            base.pop()
            del steps[0]
        good = (attribute is None or _ATTRIBUTE.fullmatch(attribute)) and all(map(_NAME.fullmatch, steps))
        if not good or (attribute is None and last not in ("text()", "")) or len(base) + len(steps) > _DEEPEST:
            raise ValueError(f"{quoted(value)} is not a place in a report (right: {right})")
        return Place((*base, *steps), attribute, last == "text()")

    return Form(right, read)


def _type_form(type_: FieldType) -> Form[FieldType]:
    def read(value: str) -> FieldType:
        if value != type_:
            raise ValueError(f"must be {type_} for this field")
        return type_

    return Form(type_.value, read)


def _read_root(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{quoted(value)} must be the name of an element, such as sysinfo")
    return value


def _read_path(value: str) -> tuple[str, ...]:
    steps = tuple(value.split("/"))
    if not all(_NAME.fullmatch(step) for step in steps) or len(steps) > _DEEPEST:
        raise ValueError(f"{quoted(value)} must be names of elements from below the root, such as users/user")
    return steps


def _read_word(value: str) -> str:
    word = value.strip().casefold()
    if not word:
        raise ValueError("must be a word, such as yes or да")
    return word


ROOT_FORM = Form("the name of an element, such as sysinfo", _read_root)
PATH_FORM = Form("names of elements from below the root, such as users/user", _read_path)
WORD_FORM = Form("a word, such as yes or да", _read_word)
