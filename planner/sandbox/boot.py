"""What a machine's boot script does, as far as a simulated machine acts it out.

Read from the script itself, as the machine would run it, so that a script without a second try
fails in the sandbox too. Assumed: how its loops are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_AGAIN = re.compile(r"(?:for|until|while)\b[^\n]*read_token|read_token[^\n]*&& break")
_KEY = re.compile(r"--name (\S+\.key) |/secrets/([^/\s]+-key)/versions|/secrets/(api-key)\?")
_EVERY = re.compile(
    r'say "ready"[^\n]*sleep (?P<seconds>\d+)|sleep (?P<other>\d+)[^\n]*say "ready"'
)


@dataclass(frozen=True, slots=True)
class Script:
    """One boot script.

    Attributes:
        reads_token: Whether it reads a token from the cloud's store.
        reads_again: Whether it tries again where it may not read it yet.
        ready_every_s: How often it says that it is ready; None: once.
        logs_requests: Whether the engine writes a line for each request.
        key: Which secret holds the keys of its way in; empty where it has only a tunnel.
    """

    reads_token: bool = False
    reads_again: bool = False
    ready_every_s: int | None = None
    logs_requests: bool = True
    key: str = ""

    @classmethod
    def of(cls, user_data: str) -> Script:
        """Read a script out of the user-data that it came in."""
        every, key = _EVERY.search(user_data), _KEY.search(user_data)
        return cls(
            reads_token="reading the token" in user_data,
            reads_again=_AGAIN.search(user_data) is not None,
            ready_every_s=int(every["seconds"] or every["other"]) if every else None,
            logs_requests="--disable-uvicorn-access-log" not in user_data,
            key=next(filter(None, key.groups()), "")
            if key and "planner-ingress" in user_data
            else "",
        )
