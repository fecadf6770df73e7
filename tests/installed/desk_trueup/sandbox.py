"""Desk on this machine: `python -m desk_trueup.sandbox --state FILE --users-lock FILE`. It keeps nothing."""

from __future__ import annotations

import argparse
import fcntl
import json
import time
from typing import IO

from desk_server import KEY, serving


def main() -> None:
    """Serve until no one shares the lock of the users."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", required=True)
    parser.add_argument("--users-lock", required=True)
    given = parser.parse_args()
    with serving() as desk, open(given.users_lock, "a") as users:
        print(json.dumps({"desk": {"url": desk.url, "apiKey": KEY}}), flush=True)
        while not _is_free(users):
            time.sleep(0.1)


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    main()
