"""promtool accepts the rules and passes their tests; a rule that changed its meaning does not pass."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import rulebook

FILES = sorted(path.name for path in rulebook.RULES.glob("*.yml"))
TESTS = sorted(path.name for path in (rulebook.RULES / "tests").glob("*_test.yml"))


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_there_are_rules_and_each_file_has_tests() -> None:
    assert FILES
    assert {name for name in FILES if name.replace(".yml", "_test.yml") not in TESTS} == set()


def test_promtool_accepts_the_rules() -> None:
    result = promtool("check", "rules", *(rulebook.RULES / name for name in FILES))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", TESTS)
def test_promtool_passes(name) -> None:
    result = promtool("test", "rules", rulebook.RULES / "tests" / name)
    assert result.returncode == 0, result.stdout + result.stderr


CHANGED = {
    "threshold": ("users.yml", "KodeksUserActivity < 20", "KodeksUserActivity <= 20", "users_month_test.yml"),
    "wait": ("senselock.yml", "for: 70m", "for: 60m", "senselock_test.yml"),
    "label": ("senselock.yml", "audience: technical", "audience: both", "senselock_test.yml"),
    "wording": ("senselock.yml", "Ответ защиты", "Ответ", "senselock_test.yml"),
    "gap": ("senselock.yml", "last_over_time(KodeksXmlSensLockStatus[15m]) == 0", "KodeksXmlSensLockStatus == 0",
            "senselock_test.yml"),
    "join": ("reports.yml", "max by (dealer, branch, client) (last_over_time(SmartXMLfileMaxAge[15m]))",
             "last_over_time(SmartXMLfileMaxAge[15m])", "reports_test.yml"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "test"), CHANGED.values(), ids=CHANGED)
def test_promtool_sees_a_rule_that_changed_its_meaning(tmp_path, file, old, new, test) -> None:
    (tmp_path / "tests").mkdir()
    shutil.copy(rulebook.RULES / "tests" / test, tmp_path / "tests" / test)
    text = (rulebook.RULES / file).read_text("utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), "utf-8")
    result = promtool("test", "rules", tmp_path / "tests" / test)
    assert result.returncode != 0
    assert "FAILED" in result.stdout + result.stderr
