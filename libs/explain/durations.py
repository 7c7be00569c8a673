"""Which unit tells a length of time."""

from __future__ import annotations

_DAYS_A_MONTH = 30.44
# Days at most between a month count and the days it stands for; a shorter gap is told in days or weeks.
_MONTH_SLACK, _MONTH_FROM = 4, 55


def duration_unit(days: int) -> tuple[str, int]:
    """Days as (unit, count): whole weeks up to eight, months from 55 days on where they are near, else days."""
    if days % 7 == 0 and days < _MONTH_FROM + 7:
        return "week", days // 7
    months = round(days / _DAYS_A_MONTH)
    if days >= _MONTH_FROM and abs(days - months * _DAYS_A_MONTH) <= _MONTH_SLACK:
        return "month", months
    return "day", days
