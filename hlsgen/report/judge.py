"""Whether a report is what the project demands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hlsgen.errors import CheckFailed
from hlsgen.report.number import Report


def judge(report: Report, folder: Path, *, accept: bool = False) -> None:
    """Accept a report; with `accept` also one of a design that failed verification.

    Raises:
        CheckFailed: a limit of the project is broken, the device is too small, or verification
            failed; the message lists all of it.
    """
    broken = [str(limit) for limit in report.broken] + list(_too_big(report))
    if report.numbers["verified"].value is False and not accept:
        broken.append("verification failed: see verify/verdict.json")
    if broken:
        raise CheckFailed("\n".join([f"{folder}: not as the project demands", *broken]))


def _too_big(report: Report) -> Iterator[str]:
    """What of the device is used up; nextpnr refuses such a design, other flows come here."""
    for cell in ("lut", "ff"):
        percent = report.numbers[f"{cell}_used_percent"].value
        if percent is not None and percent > 100:
            used = float(report.numbers[cell].value or 0)
            over = used - used * 100 / percent
            yield f"{cell} is {used:,.0f}, {over:,.0f} more than the device has: use a larger one"
