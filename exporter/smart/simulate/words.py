"""Words the stand-in customers type and are called by: search texts, logins, names of volumes. No real people."""

from __future__ import annotations

import random

ACTIONS = (
    "порядок", "требования", "правила", "методика", "инструкция", "форма", "журнал", "периодичность", "расчёт",
    "классификация", "обозначение", "допуски", "срок хранения", "нормы расхода", "проверка", "аттестация",
    "ввод в эксплуатацию", "технические условия", "протокол испытаний", "акт освидетельствования",
)  # fmt: skip
SUBJECTS = (
    "охраны труда", "пожарной безопасности", "защитных покрытий", "сварных соединений", "бетонных конструкций",
    "электроустановок", "сосудов под давлением", "грузоподъёмных кранов", "средств измерений", "сточных вод",
    "работ на высоте", "спецодежды", "трубопроводов", "лакокрасочных материалов", "опасных отходов",
    "стальных конструкций", "кабельных линий", "котельных", "систем вентиляции", "земляных работ",
    "проектной документации", "промышленной безопасности", "молниезащиты", "резьбовых соединений", "арматуры",
)  # fmt: skip
PLACES = (
    "на складе", "в цехе", "при монтаже", "при ремонте", "в зимних условиях", "для проектировщика", "на объекте",
    "с изменениями на текущий год", "в жилых зданиях", "при вводе в эксплуатацию", "в общественных зданиях",
    "для малых предприятий", "при хранении и перевозке", "по результатам обследования", "до начала работ",
    "взамен отменённого документа", "на опасном производственном объекте", "в районах крайнего севера",
)  # fmt: skip
KINDS = ("гост", "ГОСТ", "ГОСТ Р", "СП", "сп", "СНиП", "ПБ", "РД", "приказ минтруда", "ОСТ", "ТР ТС", "СанПиН")
UNUSUAL = (
    'труба 1/2" & муфта', "t < 40 °C и p > 1,6 МПа", "R&D ]]> 'отчёт'", "№ 116-ФЗ — ст. 9", "ООО «Завод» <проект>",
    "🔥 пожарный щит", "гост\u00a09.402", "ширина ≤ 5 мм ± 0,1", "Ø 20 × 1,5", "&amp; что это", "ё́лка",
    "\\\\server\\нормы",
    "строка 1\nстрока 2", "колонка\tдругая", "%%%", "?", "中文 标准", "'; --",
    "{{ $labels.client }}", "ОЧЕНЬ СРОЧНО!!!",
)  # fmt: skip
VOLUMES = (
    ("Нормы, правила, стандарты", "nps"), ("Охрана труда", "ot"), ("Экология", "eco"), ("Строительство", "stroy"),
    ("Пожарная безопасность", "pojar"), ("Электроэнергетика", "elektro"), ("Промышленная безопасность", "prom"),
    ("Машиностроение", "mash"), ("Нефтегазовый комплекс", "neft"), ("Типовая проектная документация", "tpd"),
    ("Картотека международных стандартов", "intl"), ("Санитария и гигиена", "san"), ("Эксплуатация зданий", "zdan"),
    ("Метрология", "metr"), ("Дорожное строительство", "doroga"), ("Судебная практика", "sud"),
)  # fmt: skip
BROWSERS = ("Chrome 130", "Firefox 132", "Edge 130", "Яндекс Браузер 24", "Internet Explorer 11")
DEPARTMENTS = ("Отдел охраны труда", "Проектный отдел", "Производственно-технический отдел", "Отдел главного механика")
POSITIONS = ("инженер", "ведущий инженер", "специалист", "начальник отдела")


def rng(*parts: object) -> random.Random:
    """A generator whose numbers depend on nothing but `parts`: the same on every machine and in every process."""
    return random.Random("\x1f".join(map(str, parts)))  # noqa: S311  # repeatable on purpose, not a secret


def search_text(source: random.Random, length: int = 0) -> str:
    """What a person types: at least `length` characters when given, now and then with unusual characters."""
    if not length and source.random() < 0.02:
        return source.choice(UNUSUAL)
    text = _phrase(source)
    while len(text) < length:
        text = f"{text}, {_phrase(source)}"
    return text


def _phrase(source: random.Random) -> str:
    turn = source.random()
    if turn < 0.35:
        number = f"{source.randrange(1, 59000)}.{source.randrange(1, 999)}-{source.randrange(1970, 2026)}"
        return f"{source.choice(KINDS)} {number}"
    phrase = f"{source.choice(ACTIONS)} {source.choice(SUBJECTS)}"
    if turn < 0.36:
        return f"{phrase} {source.choice(UNUSUAL)}"
    return phrase if turn < 0.6 else f"{phrase} {source.choice(PLACES)}"


def login_of(number: int) -> tuple[str, str]:
    """Login and domain of the stand-in user `number`, in the shapes that logins come in."""
    shape = number % 10
    if shape == 7:
        return f"CORP\\user{number:03}", ""
    if shape == 8:
        return f"user{number:03}@corp.local", ""
    if shape == 9:
        return f"пользователь{number}", "corp.local"
    return f"user{number:03}", "corp.local" if shape < 5 else "filial.local"


def volume_of(number: int) -> tuple[str, str]:
    """Name and short file name of the stand-in volume `number`."""
    title, file = VOLUMES[number % len(VOLUMES)]
    part = number // len(VOLUMES)
    return (f"{title}, часть {part + 1}", f"{file}{part + 1}") if part else (title, file)
