"""Take account numbers and secrets out of what clouds say.

Errors of all three clouds quote account ids, subscription ids, principals and request ids;
none of them helps the user, and all of them end up in logs and bug reports.
"""

from __future__ import annotations

import re

_ARN = re.compile(r"\barn:aws[\w-]*:[\w-]*:[\w-]*:\d{12}:([\w+=,.@/*-]+)")
_ACCOUNT = re.compile(r"(?<![\w.])\d{12}(?![\w.])")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_TOKEN = re.compile(r"\b(?:hf_[A-Za-z0-9]{8,}|ya29\.[\w-]+|ey[\w-]{10,}\.[\w-]+\.[\w-]+)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def redact(text: str) -> str:
    """Return the text without account numbers, ids of people and tokens.

    >>> redact("User: arn:aws:iam::123456789012:user/ada may not")
    'User: user/... may not'
    """
    text = _TOKEN.sub("<token>", text)
    text = _ACCESS_KEY.sub("<access key>", text)
    text = _ARN.sub(lambda found: found[1].split("/")[0] + "/...", text)
    text = _EMAIL.sub("<email>", text)
    text = _UUID.sub("<id>", text)
    return _ACCOUNT.sub("<account>", text)


def mask(identifier: str) -> str:
    """Return enough of an account id to recognise it and no more.

    >>> mask("123456789012")
    '...9012'
    """
    return f"...{identifier[-4:]}" if len(identifier) > 4 else identifier  # noqa: PLR2004 - see above
