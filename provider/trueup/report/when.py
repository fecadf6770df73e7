"""Times and durations for people: `4.3 s`, `23 min ago`."""

from __future__ import annotations

from datetime import UTC, datetime


def lasting(seconds: float) -> str:
    """Return a duration such as `0.2 s`, `47 s`, `2 min`, `1 h 5 min` or `3 days`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 89.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(seconds / 86400)} days"


def parsed(stamp: str | None) -> datetime | None:
    """Return a server's time in UTC; None without a valid one."""
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def ago(stamp: str | None, now: datetime) -> str:
    """Return `23 min ago (08:51 UTC)`, with the date if it is another day; empty without a valid time."""
    moment = parsed(stamp)
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    clock = moment.strftime("%H:%M UTC" if moment.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M UTC")
    return f"{lasting(seconds)} ago ({clock})" if seconds >= 1 else f"just now ({clock})"
