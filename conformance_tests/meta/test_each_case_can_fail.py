"""Every case of every contract can fail, and each double fails exactly the cases that are there for its fault."""

from __future__ import annotations

from importlib import import_module

import pytest

from kitaru_conformance.catalogue import CONTRACTS
from kitaru_conformance.guard import cases_of

KINDS = {
    "ArtifactStoreContract": ["artifact_stores"],
    "CodecContract": ["codecs"],
    "JournalContract": ["journals", "files"],
    "ModelProviderContract": ["model_providers"],
    "SecretStoreContract": ["secret_stores"],
    "TargetContract": ["targets"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [kind for kinds in KINDS.values() for kind in kinds])
def test_each_double_fails_exactly_what_it_gets_wrong(kind, judge):
    assert judge(kind) == {}


@pytest.mark.parametrize("contract", KINDS)
def test_each_case_has_a_double_that_fails_it(contract, doubles):
    failed = {id_ for kind in KINDS[contract] for one in doubles(kind).values() for id_ in one.fails}
    cases = cases_of(getattr(import_module(CONTRACTS[contract]), contract))
    assert sorted({case.requirement.id for case in cases.values()} - failed) == []
