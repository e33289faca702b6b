"""Links within the repository lead somewhere; those that leave it are listed, not fetched."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from page_blocks import ROOT, all_pages, anchors_of, links_of

OUTSIDE = re.compile(r"https://[a-z0-9.-]+\.[a-z]{2,}(/\S*)?")


def links(*, outside):
    """Return all links that leave the repository, or all that do not."""
    found = [link for page in all_pages() for link in links_of(page)]
    return [link for link in found if bool(urlsplit(link.target).scheme) is outside]


def place(link):
    return f"{link.page.relative_to(ROOT)}:{link.line} {link.target}"


def leads_nowhere(link):
    path, _, anchor = link.target.partition("#")
    target = (link.page.parent / path).resolve() if path else link.page
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and anchor not in anchors_of(target)


def test_links_within_the_repository_lead_somewhere():
    inside = links(outside=False)
    assert len(inside) > 20
    assert [place(link) for link in inside if leads_nowhere(link)] == []


def test_pages_of_the_site_link_to_pages_of_the_site():
    docs = ROOT / "docs"
    inside = [link for link in links(outside=False) if link.page.is_relative_to(docs)]
    targets = [(link, (link.page.parent / link.target.partition("#")[0]).resolve()) for link in inside]
    assert [place(link) for link, target in targets if not target.is_relative_to(docs)] == []


def test_links_that_leave_the_repository_are_plain_and_encrypted():
    outside = links(outside=True)
    assert [place(link) for link in outside if not OUTSIDE.fullmatch(link.target)] == []


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[dead](gone.md) [dead](#two) [alive](#one)\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [leads_nowhere(link) for link in links_of(page)] == [True, True, False]
