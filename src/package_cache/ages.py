"""Ages and times as people write them and files state them."""

import datetime
import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""RFC 3339; images state it, and who reads one refuses any other."""

_AGE = re.compile(r"([0-9]{1,5}) ?([hdw])", re.ASCII)
_UNITS = {"h": datetime.timedelta(hours=1), "d": datetime.timedelta(days=1), "w": datetime.timedelta(weeks=1)}


def parse_time(text: str) -> datetime.datetime | None:
    """Return a time; None if it is none, such as a 31st of February."""
    try:
        return datetime.datetime.fromisoformat(text) if TIME.fullmatch(text) else None
    except ValueError:
        return None


def parse_age(text: str) -> datetime.timedelta:
    """Read an age such as `12h`, `30d` or `4w`. Raises `ValueError` with what to write instead."""
    match = _AGE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is not an age: write hours, days or weeks, such as 12h, 30d or 4w")
    return int(match[1]) * _UNITS[match[2]]


def age_text(age: datetime.timedelta) -> str:
    """Return an age for people, in full days or hours."""
    days, hours = age.days, age.seconds // 3600
    number, unit = (hours, "hour") if days == 0 else (days, "day")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
