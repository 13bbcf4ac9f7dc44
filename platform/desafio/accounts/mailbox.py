"""The demo's mailbox: e-mails kept as files, of which a page shows the confirmation link.

Called only where ``SHOW_MAIL_ON_PAGE`` is set, and only for the address that the same browser has just typed.
It never shows any other link: one for a new password would hand over the account of whoever was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default as default_policy
from email.utils import getaddresses
from pathlib import Path

from django.conf import settings
from django.urls import reverse

# Each file holds the messages of one connection, with a line of dashes after each one.
_BETWEEN_MESSAGES = re.compile(rb"^-{79}$", re.MULTILINE)
_FILES_LOOKED_AT = 50


def confirmation_link(address: str) -> str | None:
    """The path of the newest confirmation link sent to ``address``, or None."""
    prefix = reverse("account_confirm_email", args=["KEY"]).replace("KEY/", "")
    pattern = re.compile(re.escape(prefix) + r"[-:\w]+/")
    theirs = (message for message in _newest_first() if address.casefold() in _addresses(message))
    found = (pattern.search(_text(message)) for message in theirs)
    return next((link.group() for link in found if link), None)


def _newest_first() -> Iterator[Message]:
    folder = Path(settings.EMAIL_FILE_PATH)
    if not folder.is_dir():
        return
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files[:_FILES_LOOKED_AT]:
        for part in reversed(_BETWEEN_MESSAGES.split(path.read_bytes())):
            if part.strip():
                yield message_from_bytes(part.lstrip(), policy=default_policy)


def _addresses(message: Message) -> list[str]:
    return [address.casefold() for _name, address in getaddresses([str(message["To"] or "")])]


def _text(message: Message) -> str:
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    return str(body.get_content()) if body is not None else ""
