"""Reads the YAML of a mapping profile (language: profiles/reference.yml), complaining of all its mistakes at once."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import yaml

from smart.errors import ConfigError, Problem
from smart.sysinfo.fields import INSIDE, KINDS, FieldType, Target
from smart.sysinfo.layout import NO_ZONE, FieldRule, KindRule, Place, Profile, choose_profile

__all__ = ["REFERENCE", "Profile", "choose_profile", "load_profile"]

REFERENCE = Path(str(files("smart") / "profiles" / "reference.yml"))

_DEEPEST = 32  # steps of a path
_NAME = re.compile(r"[^\W\d][\w.-]*")  # an element, without a prefix
_ATTRIBUTE = re.compile(r"[^\W\d][\w.:-]*")
_FIELD_KEYS = ("at", "type", "required", "default", "true", "false", "format")
_DATED = (FieldType.INSTANT, FieldType.HOUR, FieldType.DATE)
_Map = dict[str, tuple[yaml.Node, yaml.Node]]


class _Reader:
    """One file being read; `problems` gathers its mistakes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def complain(self, node: yaml.Node, where: str, message: str) -> None:
        self.problems.append(Problem(self.name, node.start_mark.line + 1, where, message))

    def mapping(self, node: yaml.Node, where: str, known: tuple[str, ...]) -> _Map:
        """Keys and values of a mapping; unknown and repeated keys are mistakes."""
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, where, "must be a mapping of keys to values")
            return {}
        found: _Map = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name not in known:
                self.complain(key, f"{where}.{name}" if where else name, f"unknown key (known: {', '.join(known)})")
            elif name in found:
                self.complain(key, f"{where}.{name}" if where else name, "given twice (once is right)")
            else:
                found[name] = (key, value)
        return found

    def scalar(self, node: yaml.Node, where: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.complain(node, where, "must be one value")
            return ""
        return str(node.value)

    def flag(self, node: yaml.Node, where: str) -> bool:
        word = self.scalar(node, where).casefold()
        if word not in ("yes", "no", "true", "false"):
            self.complain(node, where, f"{word!r} must be yes or no")
        return word in ("yes", "true")

    def words(self, node: yaml.Node, where: str) -> frozenset[str]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        words = frozenset(self.scalar(item, where).strip().casefold() for item in nodes)
        if not words or "" in words:
            self.complain(node, where, "must be a list of words, such as [yes, да]")
        return words

    def path(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        text = self.scalar(node, where)
        steps = tuple(text.split("/"))
        if not all(_NAME.fullmatch(step) for step in steps) or len(steps) > _DEEPEST:
            self.complain(node, where, f"{text!r} must be names of elements from below the root, such as users/user")
            return ()
        return steps

    def place(self, node: yaml.Node, where: str, record: tuple[str, ...], type_: FieldType | None) -> Place | None:
        """Where a field is, made absolute: `at` is written from the element of the record."""
        text = self.scalar(node, where)
        *steps, last = text.split("/")
        attribute = last[1:] if last.startswith("@") else None
        if type_ is FieldType.PRESENCE:
            steps, attribute, last = [*steps, last], None, ""
        base = list(record)
        while steps and steps[0] == ".." and base:
            base.pop()
            del steps[0]
        good = (attribute is None or _ATTRIBUTE.fullmatch(attribute)) and all(map(_NAME.fullmatch, steps))
        if not good or (attribute is None and last not in ("text()", "")) or len(base) + len(steps) > _DEEPEST:
            right = "card" if type_ is FieldType.PRESENCE else "@name, text(), card/@name, card/text() or ../@name"
            self.complain(node, where, f"{text!r} is not a place in a report (right: {right})")
            return None
        return Place((*base, *steps), attribute, last == "text()")

    def field(self, node: yaml.Node, where: str, name: str, target: Target, record: tuple[str, ...]) -> FieldRule:
        found = self.mapping(node, where, _FIELD_KEYS)
        given = {key: value for key, (_, value) in found.items()}
        for key in ("at", "type"):
            if key not in given and isinstance(node, yaml.MappingNode):
                self.complain(node, where, f"{key!r} is missing")
        if "type" in given and self.scalar(given["type"], where) != target.type:
            self.complain(given["type"], f"{where}.type", f"must be {target.type} for this field")
        place = self.place(given["at"], f"{where}.at", record, target.type) if "at" in given else None
        rule = FieldRule(
            name,
            target.type,
            place,
            required="required" in given and self.flag(given["required"], f"{where}.required"),
            default=self.scalar(given["default"], f"{where}.default") if "default" in given else None,
            minimum=target.minimum,
            true=self.words(given["true"], f"{where}.true") if "true" in given else frozenset(),
            false=self.words(given["false"], f"{where}.false") if "false" in given else None,
            format=self.scalar(given["format"], f"{where}.format") if "format" in given else None,
        )
        self.check_field(rule, node, given, where, target)
        return rule

    def check_field(
        self, rule: FieldRule, node: yaml.Node, given: dict[str, yaml.Node], where: str, target: Target
    ) -> None:
        """What the keys of one field say together."""
        for key in ("true", "false"):
            if key in given and rule.type is not FieldType.BOOLEAN:
                self.complain(given[key], f"{where}.{key}", "only a boolean has words for yes and no")
        if rule.type is FieldType.BOOLEAN and not rule.true:
            self.complain(node, where, "a boolean needs the words that mean yes, such as true: [yes, да]")
        if rule.false and rule.true & rule.false:
            self.complain(given["false"], f"{where}.false", "a word cannot mean both yes and no")
        if "format" in given and rule.type not in _DATED:
            self.complain(given["format"], f"{where}.format", "only instant, hour and date have a format")
        if rule.required and rule.default is not None:
            self.complain(given["default"], f"{where}.default", "a required field has no default (one of the two)")
        if not (rule.required or target.nullable or rule.default is not None):
            self.complain(node, where, "must be required or have a default: its column cannot be empty")
        try:
            rule.default_value(NO_ZONE)
        except (ValueError, OverflowError):
            self.complain(given["default"], f"{where}.default", f"{rule.default!r} is not of the type {rule.type}")

    def kind(self, key: yaml.Node, node: yaml.Node, kind: str) -> KindRule:
        known = ("fields",) if kind == "report" else ("path", "section", "fields")
        found = self.mapping(node, kind, known)
        given = {name: value for name, (_, value) in found.items()}
        path = self.path(given["path"], f"{kind}.path") if "path" in given else ()
        for name in known:
            if name not in given and name != "section" and isinstance(node, yaml.MappingNode):
                self.complain(key, kind, f"{name!r} is missing")
        section = self.path(given["section"], f"{kind}.section") if "section" in given else path[:-1] or path
        targets = KINDS[kind]
        fields = self.mapping(given["fields"], f"{kind}.fields", tuple(targets)) if "fields" in given else {}
        rules = []
        for name, target in targets.items():
            if name in fields:
                rules.append(self.field(fields[name][1], f"{kind}.{name}", name, target, path))
                continue
            if (target.must or not target.nullable) and "fields" in given:
                self.complain(given["fields"], f"{kind}.{name}", "has to be mapped: records are told apart by it")
            rules.append(FieldRule(name, target.type, None, minimum=target.minimum))
        return KindRule(kind, path, section, tuple(rules))

    def profile(self, node: yaml.Node) -> Profile:
        found = self.mapping(node, "", ("root", *KINDS))
        root = ""
        for name in ("root", "report"):
            if name not in found and isinstance(node, yaml.MappingNode):
                self.complain(node, name, "is missing")
        if "root" in found:
            root = self.scalar(found["root"][1], "root")
            if not _NAME.fullmatch(root):
                self.complain(found["root"][1], "root", f"{root!r} must be the name of an element, such as sysinfo")
        kinds = {name: self.kind(*found[name], name) for name in found if name != "root"}
        self.check_kinds(found, kinds)
        return Profile(root, kinds, self.name)

    def check_kinds(self, found: _Map, kinds: dict[str, KindRule]) -> None:
        """What kinds say together: each has its own element, some stand inside others."""
        owner: dict[tuple[str, ...], str] = {}
        for kind, rule in kinds.items():
            node = found[kind][0]
            if rule.path and owner.setdefault(rule.path, kind) != kind:
                self.complain(node, f"{kind}.path", f"is the element of {owner[rule.path]} already")
            outside = INSIDE.get(kind)
            if outside and outside not in kinds:
                self.complain(node, kind, f"needs {outside}: it belongs to one of them")
            elif outside and kinds[outside].path != rule.path[: len(kinds[outside].path)]:
                self.complain(node, f"{kind}.path", f"must stand inside {'/'.join(kinds[outside].path)} ({outside})")


def load_profile(path: Path = REFERENCE) -> Profile:
    """Read a profile. Raises ConfigError with all its mistakes, each as `file:line: field: what (what is right)`."""
    try:
        node = yaml.compose(path.read_bytes().decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: is not YAML: {getattr(error, 'problem', error)}") from error
    if node is None:
        raise ConfigError(f"{path}: is empty (copy profiles/reference.yml and change it)")
    reader = _Reader(str(path))
    profile = reader.profile(node)
    if reader.problems:
        raise ConfigError("\n".join(str(problem) for problem in sorted(reader.problems)))
    return profile
