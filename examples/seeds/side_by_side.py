"""Calls that run beside each other: one by one, over a list, and over every combination."""

from __future__ import annotations

import sys

from kitaru import checkpoint, flow, unmapped


@checkpoint
def cities(country: str) -> list[str]:
    """Name the cities of a country."""
    return [f"{country} North", f"{country} South"]


@checkpoint(retries=1)
def forecast(city: str, day: str) -> str:
    """Say what the weather will be."""
    return f"{city} on {day}: {'sun' if len(city + day) % 2 else 'rain'}"


@checkpoint
def print_page(lines: list[str], title: str) -> str:
    """Put everything on one page."""
    return "\n".join([title, *lines])


@flow
def weather(country: str) -> str:
    """Forecast every city for two days."""
    title = forecast.submit("the sea", "Monday")
    names = cities(country)
    monday = forecast.map(names, unmapped("Monday"))
    weekend = forecast.product(names, ["Saturday", "Sunday"])
    return print_page([*monday.result(), *weekend.result()], title.result())


def main() -> str:
    """Forecast one country.

    Returns:
        The page.
    """
    page = weather.run("Utopia").wait()
    sys.stdout.write(f"{page}\n")
    return page


if __name__ == "__main__":
    main()
