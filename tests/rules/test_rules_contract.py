"""What the alert specification promises of each alert: labels, waits and wording."""

from __future__ import annotations

import pytest
import rulebook

# Of the alerts that have a report, the intake or SMART itself as their source, in the order of the specification.
ROWS = """
KodeksDBerrorsNoCode           70m  warning  K4 technical db        yes yes
KodeksDBerrorsNoCode           70m  info     K5 technical db        no  yes
KodeksDBerrorsNoCodeCount      0s   critical K1 technical db        yes yes
KodeksDBerrorsCode2007         70m  critical K3 technical db        yes yes
KodeksDBerrorsCode2007Count    0s   critical K1 technical db        yes yes
KodeksDBerrorsCodeXXX          70m  warning  K4 technical db        yes yes
KodeksDBerrorsCodeXXXCount     0s   critical K1 technical db        yes yes
KodeksDBOperUpToOld            15m  info     K5 technical db        no  yes
KodeksDBOperUpToOldCount       0s   critical K1 technical db        yes yes
KodeksSearchIsEmpty            0s   info     K5 usage     online    no  no
KodeksMaintenance              70m  info     K5 technical state     no  yes
KodeksMaintenanceCount         0s   critical K1 technical state     yes yes
KodeksMaintenanceToLong        3h   critical K2 technical state     yes yes
KodeksMaintenanceToLongCount   0s   critical K1 technical state     yes yes
KodeksNeedSupport              70m  warning  K3 technical state     yes yes
KodeksXmlSensLockStatus        0s   critical K2 technical senselock yes yes
KodeksOfflineSensLockCheck     70m  critical K2 technical senselock yes yes
KodeksLicenseExpiring2day      1h   critical K3 both      licence   yes no
KodeksLicenseExpiring7day      1h   critical K5 usage     licence   no  no
KodeksLicenseExpiring90day     1h   info     K5 usage     licence   no  no
KodeksLimitsUsers              0s   warning  K3 both      licence   yes yes
KodeksDetectOverUserError      0s   warning  K4 usage     licence   no  no
KodeksUnsupportedButUsed       1h   info     K5 usage     licence   no  yes
KodeksNewUser                  0s   info     K5 usage     users     no  no
KodeksUserActivityIsLow        2h   info     K5 usage     users     no  no
KodeksUserAInvolvementIsLow    2h   info     K5 usage     users     no  no
KodeksSearchError              0s   warning  K4 technical users     no  no
KodeksSppStatus                70m  warning  K4 technical other     no  yes
KodeksWarning                  70m  critical K3 technical other     yes yes
SmartXMLfileIsToOld            15m  warning  K3 technical other     yes yes
KodeksDBLicensesZero           70m  warning  K4 technical other     no  yes
SmartFileRejected              70m  warning  K3 technical other     yes yes
SmartWatchdog                  0s   info     K5 operator  other     no  no
SmartExporterDown              5m   critical K1 operator  other     yes yes
SmartConfigReloadFailed        0s   warning  K3 operator  other     yes yes
SmartSpoolStuck                0s   critical K2 operator  other     yes yes
"""
TEXTS = (
    "Ошибка базы данных без кода",
    "Том базы данных подключён дважды",
    "Ошибки без кода у многих баз данных",
    "Ошибка БД 2007, нет прав на базу",
    "Ошибка БД 2007 у многих баз",
    "Ошибка базы данных",
    "Ошибки у многих баз данных",
    "Файлы OperUp старее допустимого",
    "Файлы OperUp старее допустимого, их много",
    "В БД нет того что искал пользователь {{ $labels.user }}",
    "Установка на обслуживании",
    "Много установок на обслуживании",
    "Обслуживание длится больше 3 часов",
    "Обслуживание длится больше 3 часов у многих установок",
    "На главной странице просьба о сервисном обслуживании",
    "По информации xml sysinfo ключ SensLock не работает",
    "По отчёту sysinfo ключ SenseLock не подтверждён",
    "Лицензия истечёт менее чем через 2 дня",
    "Лицензия истечёт менее чем через 7 дней",
    "Лицензия истечёт менее чем через 90 дней",
    "Свободных рабочих мест не осталось",
    "Пользователю не хватило рабочего места",
    "Обслуживание прекращено, но системой пользуются",
    "Появился новый пользователь",
    "Активность ниже 20",
    "Вовлечённость ниже 60 %",
    "Поиск завершился ошибкой у пользователя {{ $labels.user }}",
    "СПП не работает",
    "Сервер сообщает об аварийном состоянии",
    "Давно нет свежего sysinfo",
    "В sysinfo нет сроков лицензий баз данных",
    "Отчёт установки не принят",
    "Мониторинг работает",
    "Prometheus не может прочитать метрики SMART",
    "Новый список установок не принят",
    "Принятые файлы не разбираются",
)  # in the order of the rows
LABELS = ("severity", "priority", "audience", "group", "tg", "res")
SPECIFIED = {
    (name, labels[4]): (wait, *labels, text)  # tg tells the two rules of one name apart
    for (name, wait, *labels), text in zip((row.split() for row in ROWS.strip().splitlines()), TEXTS, strict=True)
}
FOUND = {(alert.name, alert.labels["tg"]): alert for alert in rulebook.alerts()}


@pytest.mark.parametrize("key", SPECIFIED, ids="-".join)
def test_an_alert_is_as_specified(key) -> None:
    alert = FOUND[key]
    assert (alert.wait, *(alert.labels[label] for label in (*LABELS, "text"))) == SPECIFIED[key]


def test_no_alert_is_beyond_the_specification_and_none_doubled() -> None:
    assert set(FOUND) == set(SPECIFIED)
    assert len(rulebook.alerts()) == len(SPECIFIED)


def test_a_count_stands_right_after_its_single_rule() -> None:
    names = [alert.name for alert in rulebook.alerts()]
    counts = [place for place, name in enumerate(names) if name.endswith("Count")]
    assert [names[place - 1] + "Count" for place in counts] == [names[place] for place in counts]


def test_licence_and_people_alerts_name_the_legal_entity_as_a_label() -> None:
    """Or their series does: the table of emergencies shows labels only."""
    without = {
        alert.name
        for alert in rulebook.alerts()
        if alert.labels["group"] in ("licence", "users") and not {"clientname", "regnum"} <= set(alert.labels)
    }
    assert without == {"KodeksLicenseExpiring2day", "KodeksLicenseExpiring7day", "KodeksLicenseExpiring90day"}
