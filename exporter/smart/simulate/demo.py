"""`make demo`: the main job of SMART, for real. A key is lost at a customer; its manager, and nobody else, is told."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from smart.errors import SmartError
from smart.simulate.agent import Push
from smart.simulate.children import Children, answers
from smart.simulate.delivery import Delivered, differences, readable
from smart.simulate.fleet import Fleet, stand_ins
from smart.simulate.incidents import Change
from smart.simulate.site import CHATS, DEALER, DOMAIN, MANAGER_CHATS, Site, take_folder
from smart.simulate.smtp_sink import Letter, SmtpSink
from smart.simulate.telegram import TelegramMessage, TelegramStandIn
from smart.simulate.teller import Teller

ALERT = "KodeksXmlSensLockStatus"
VICTIM, VICTIM_BRANCH, VICTIM_MANAGER = "plant7", "north", "north-1"
SEEN_SECONDS = 60.0  # for good reports to reach Prometheus
DELIVERY_SECONDS = 100.0  # for a message to reach its reader
STRAY_SECONDS = 20.0  # longer than every wait of the demo's Alertmanager
REPORT_SECONDS = 3600.0
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants the demo to end."""


class Failed(SmartError):
    """The demo did not show what it should."""


def project_folder() -> Path:
    """Where rules and templates are: this package's own checkout, or the current directory for an installed one."""
    checkout = Path(__file__).resolve().parents[3]
    return checkout if (checkout / "rules").is_dir() else Path.cwd()


def run_demo(once: bool, folder: Path | None = None, project: Path | None = None, out: TextIO | None = None) -> int:
    """Play the incident; 0 when exactly the right messages were delivered. Without `once` run on until Ctrl-C.

    Files and logs are in `folder` (default: .demo in the project), emptied at the start. Whatever happens, everything
    started here has ended when this returns.
    """
    project = (project or project_folder()).resolve()
    folder = (folder or project / ".demo").resolve()
    say = Teller(out or sys.stdout)
    for name in ("no_proxy", "NO_PROXY"):  # whatever talks here talks to this machine
        os.environ[name] = "127.0.0.1,localhost"
    with _interruptible():
        try:
            _Demo(folder, project, say).run(once)
        except (SmartError, OSError) as error:
            say.line(f"\nThe demo failed: {error}")
            return 1
        except Interrupted:
            say.line("\nStopped.")
            return 0 if say.succeeded else 1
    return 0


class _Demo:
    """The story, step by step."""

    def __init__(self, folder: Path, project: Path, say: Teller) -> None:
        self.folder, self.project, self.say = folder, project, say
        self.customers = stand_ins()
        self.expected: list[Delivered] = []

    def run(self, once: bool) -> None:
        with ExitStack() as stack:
            stack.enter_context(take_folder(self.folder))
            self.site = Site(self.folder, self.project, self.customers)
            self.sink = stack.enter_context(SmtpSink(on_letter=self._keep_letter))
            telegram = TelegramStandIn(self.site.bot_token, self.site.chats)
            self.telegram = stack.enter_context(telegram)
            self.children = stack.enter_context(Children(self.folder))
            fleet = Fleet(self.customers, dealer=DEALER, server=self.site.intake_url, token=self.site.token)
            self.fleet = stack.enter_context(fleet)
            stack.callback(_ignore_interrupts)  # comes first when all this ends, so that it ends in order
            self._start()
            self._good_reports()
            self._incident("key-lost", "FIRING", "the protection key is pulled out")
            self._incident("key-back", "RESOLVED", "the key is plugged in again")
            self._no_strays()
            self.say.succeeded = True
            if not once:
                self._addresses()
                self._run_on()
            self.say.line("Stopping everything.")

    def _start(self) -> None:
        say, site = self.say, self.site
        say.line("SMART demo: from a customer's report to a letter and a Telegram message.")
        say.line(f"Everything runs on 127.0.0.1 and keeps its files in {self.folder}\n")
        site.write_inventory()
        site.write_configurations(self.sink.address, self.telegram.url)
        begun = time.monotonic()
        site.start(self.children, say.step("Starting SMART, Alertmanager and Prometheus"))
        say.done(f"ready after {time.monotonic() - begun:.1f} s")
        self._addresses()

    def _good_reports(self) -> None:
        count = len(self.customers)
        self._pushed(self.fleet.push_all())
        self.say.line(f"  {count} customers of two branches pushed a report with curl: all is well there")
        query = f"count({ALERT} == 1)"
        took = self._wait(f"Prometheus sees {count} good keys", SEEN_SECONDS, lambda: self._value(query) == count)
        self.say.done(f"after {took:.1f} s")

    def _incident(self, what: str, state: str, told: str) -> None:
        """One change at the victim, its next report, and everybody who must hear of it."""
        say = self.say
        letters, messages = len(self.sink.letters), len(self.telegram.messages)
        self.fleet.apply(Change(0, VICTIM, what))
        self.expected += expected_of(state)
        time.sleep(1.1)  # a report is newer than the last one by its second
        pushed = time.time()
        self._pushed([self.fleet.push(VICTIM)])
        say.line(f"\nAt {VICTIM}, a customer of branch {VICTIM_BRANCH}, {told}; its agent pushes the next report")
        wanted = len(self.expected)
        self._wait(
            f"{state} on its way to manager {VICTIM_MANAGER}", DELIVERY_SECONDS, lambda: self._delivered() >= wanted
        )
        received = [letter.received for letter in self.sink.letters[letters:]]
        received += [message.received for message in self.telegram.messages[messages:]]
        say.done(f"delivered {max(received) - pushed:.1f} s after the agent began to push")
        self._check()
        self._show(self.sink.letters[letters:], self.telegram.messages[messages:])

    def _show(self, letters: list[Letter], messages: list[TelegramMessage]) -> None:
        """The same letter to several people is printed once."""
        texts: dict[tuple[str, str, str], list[str]] = {}
        for letter in letters:
            texts.setdefault((letter.sender, letter.subject, readable(letter)), []).extend(letter.to)
        for (sender, subject, text), receivers in texts.items():
            self.say.box(f"LETTER from {sender} to {', '.join(sorted(receivers))}", f"Subject: {subject}\n\n{text}")
        chats: dict[str, list[str]] = {}
        for message in messages:
            text = message.text + "".join(f"\n[link: {link}]" for link in message.links)
            chats.setdefault(text, []).append(f"{_chat_name(message.chat)} ({message.chat})")
        for text, receivers in chats.items():
            self.say.box(f"TELEGRAM to {', '.join(sorted(receivers))}", text)

    def _no_strays(self) -> None:
        self.say.line()
        until = time.monotonic() + STRAY_SECONDS
        self._wait("Watching for messages nobody should get", STRAY_SECONDS + 5, lambda: time.monotonic() > until)
        self._check()
        self.say.done("there are none")
        self.say.line(
            f"\nRight: {len(self.sink.letters)} letters and {len(self.telegram.messages)} Telegram messages to "
            f"branch {VICTIM_BRANCH}, none to branch south or to another manager."
        )

    def _check(self) -> None:
        """Nothing but what is expected by now has been delivered, and Telegram refused nothing."""
        wrong = differences(self.expected, self.sink.letters, self.telegram.messages)
        wrong += [f"Telegram refused a message: {error}" for error in self.telegram.refused]
        if wrong:
            raise Failed("the wrong messages were delivered:\n" + "\n".join(f"    {line}" for line in wrong))

    def _addresses(self) -> None:
        site = self.site
        alerts = next((path for path in ("/alerts", "/classic/alerts") if answers(site.prometheus_url + path)), "")
        self.say.line("\nAddresses to look at (while the demo runs):")
        self.say.line(f"  SMART          {site.operations_url}/")
        self.say.line(f"  Prometheus     {site.prometheus_url}{alerts}")
        self.say.line(
            f"  Alertmanager   {site.alertmanager_url}/   (Debian's has no pages: amtool --alertmanager.url=…)"
        )
        self.say.line(f"  logs           {self.children.logs}/\n")

    def _run_on(self) -> None:
        self.say.line("The customers go on reporting each hour; messages are shown as they come. Ctrl-C ends the demo.")
        letters, messages, due = len(self.sink.letters), len(self.telegram.messages), time.monotonic() + REPORT_SECONDS
        while True:
            self.children.check()
            self._show(self.sink.letters[letters:], self.telegram.messages[messages:])
            letters, messages = len(self.sink.letters), len(self.telegram.messages)
            if time.monotonic() > due:
                self._pushed(self.fleet.push_all())
                due += REPORT_SECONDS
            time.sleep(0.5)

    def _wait(self, text: str, seconds: float, condition: Callable[[], bool]) -> float:
        """Until it is so, watching the programs; returns the seconds it took. Failed when it takes too long."""
        refresh = self.say.step(text)
        begun = time.monotonic()
        while not condition():
            self.children.check()
            if time.monotonic() - begun > seconds:
                wrong = differences(self.expected, self.sink.letters, self.telegram.messages)
                wrong += [f"Telegram refused a message: {error}" for error in self.telegram.refused]
                details = "".join(f"\n    {line}" for line in wrong)
                raise Failed(f"{text}: not so after {seconds:.0f} s (logs: {self.children.logs}){details}")
            refresh()
            time.sleep(0.2)
        return time.monotonic() - begun

    def _delivered(self) -> int:
        return sum(len(letter.to) for letter in self.sink.letters) + len(self.telegram.messages)

    def _value(self, query: str) -> float | None:
        """The value of a query with one result; None when there is none yet."""
        address = f"{self.site.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # http to 127.0.0.1
                result = json.load(answer)["data"]["result"]
        except OSError:  # a program that has ended is told of by its watcher
            return None
        return float(result[0]["value"][1]) if result else None

    def _keep_letter(self, letter: Letter) -> None:
        """Letters stay in the folder as they came, to be looked at with a mail program."""
        folder = self.folder / "letters"
        folder.mkdir(exist_ok=True)
        name = f"{time.strftime('%H%M%S', time.localtime(letter.received))}-{'-'.join(letter.to)}.eml"
        (folder / name.replace("/", "_")).write_bytes(letter.message.as_bytes())

    def _pushed(self, pushes: list[Push]) -> None:
        for push in pushes:
            if not push.ok:
                raise Failed(f"the agent of {push.client} could not push: {push}")


def expected_of(state: str) -> list[Delivered]:
    """Who must hear of the incident: the client's manager and the technical people of its branch, by both ways."""
    addresses = [f"{VICTIM_MANAGER}@{DOMAIN}", f"{VICTIM_BRANCH}-technical@{DOMAIN}"]
    chats = [CHATS[VICTIM_BRANCH], MANAGER_CHATS[VICTIM_MANAGER]]
    return [Delivered(str(receiver), state, ALERT) for receiver in (*addresses, *chats)]


def _chat_name(chat: int) -> str:
    names = {**{number: f"chat of branch {name}" for name, number in CHATS.items()}}
    names |= {number: f"manager {name}" for name, number in MANAGER_CHATS.items()}
    return names.get(chat, "unknown chat")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, TERM and HUP raise Interrupted once; while everything is being stopped they are ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _ignore_interrupts()
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_interrupts() -> None:
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
