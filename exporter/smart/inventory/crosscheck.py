"""What one mapping of the inventory cannot know: names declared elsewhere, and things that may exist only once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from smart.inventory.build import BranchDraft, DealerDraft
from smart.yamlfile.fields import Fields, nearest


class _Once:
    """Remembers where each thing was first written and refuses it the second time."""

    def __init__(self, message: str) -> None:
        self._message = message  # {first} is where the other one stands
        self._first: dict[Hashable, str] = {}

    def check(self, fields: Fields, key: str, thing: Hashable) -> None:
        """Notes a mistake unless this is the first time."""
        here = fields.place(key)
        first = self._first.setdefault(thing, here)
        if first is not here:
            fields.problem(key, self._message.format(first=first))


def check_dealers(drafts: Sequence[DealerDraft]) -> None:
    """Is each dealer declared once, with tokens of its own?"""
    names = _Once("is already the name of the dealer at {first}")
    tokens = _Once("a hash in this list also belongs to the dealer at {first}; every dealer needs a token of its own")
    for draft in drafts:
        if draft.dealer.name:
            names.check(draft.fields, "name", draft.dealer.name.lower())
        for token in draft.dealer.token_sha256:
            tokens.check(draft.fields, "upload_tokens", token)


def check_branches(dealers: Sequence[DealerDraft], drafts: Sequence[BranchDraft]) -> None:
    """Do all files of branches agree with each other and with dealers.yml?"""
    declared = tuple(draft.dealer.name for draft in dealers)
    names = _Once("is already the name of the branch at {first}; a dealer's branches have different names")
    for draft in drafts:
        branch = draft.branch
        if branch.dealer and _all_known(declared) and branch.dealer not in declared:
            draft.fields.problem("dealer", f"is not declared in dealers.yml{nearest(branch.dealer, declared)}")
        if branch.dealer and branch.name:
            names.check(draft.fields, "branch", (branch.dealer, branch.name.lower()))
        _check_managers(draft)
        _check_chats(draft)
    _check_clients(drafts)
    _check_online(drafts)


def _all_known(names: tuple[str, ...]) -> bool:
    """Could every name be read? If not, the one that is looked for may be among the others."""
    return bool(names) and all(names)


def _check_managers(draft: BranchDraft) -> None:
    """Are managers declared once, and those whom clients and accesses name declared at all?"""
    names = _Once("is already the name of the manager at {first}")
    for fields, manager in draft.managers:
        if manager.name:
            names.check(fields, "name", manager.name.lower())
    declared = tuple(manager.name for _, manager in draft.managers)
    for fields, name in [(fields, client.manager) for fields, client in draft.clients] + [
        (fields, access.manager) for fields, access in draft.online
    ]:
        if name and _all_known(declared) and name not in declared:
            fields.problem("manager", f"is not declared in managers of this file{nearest(name, declared)}")


def _check_chats(draft: BranchDraft) -> None:
    """Is there a bot for every chat?"""
    if draft.fields.given("telegram_token_file") or draft.fields.given("telegram_token_env"):
        return
    for fields in draft.chats:
        message = "needs a bot; name the file of its token in telegram_token_file of this branch"
        fields.problem("telegram_chat", f"{message}, or a variable in telegram_token_env")


def _check_clients(drafts: Sequence[BranchDraft]) -> None:
    """Are names unique within a dealer, whatever the case, and addresses in the whole inventory?"""
    names = _Once("is already the name of the client at {first}; names are unique within a dealer, whatever the case")
    addresses = _Once("is already the address of the client at {first}")
    for draft in drafts:
        for fields, client in draft.clients:
            if client.name:
                names.check(fields, "name", (draft.branch.dealer, client.name.lower()))
            if client.address:
                addresses.check(fields, "address", (client.address.host, client.address.port))


def _check_online(drafts: Sequence[BranchDraft]) -> None:
    """Is each on-line access listed once?"""
    accesses = _Once("the access with this host, folder and login is already listed at {first}")
    for draft in drafts:
        for fields, access in draft.online:
            if access.host and access.folder and access.login:
                accesses.check(fields, "login", (access.host, access.folder.lower(), access.login))
