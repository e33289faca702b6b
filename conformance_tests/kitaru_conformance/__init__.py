"""The published conformance suite: contracts to subclass, and the pytest plugin that judges by them.

Names are loaded on first use; importing the package loads neither kitaru nor pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kitaru_conformance.catalogue import CONTRACTS

if TYPE_CHECKING:
    from kitaru_conformance.contract import Contract
    from kitaru_conformance.contracts.adapter.contract import AdapterContract
    from kitaru_conformance.contracts.artifact_stores import ArtifactStoreContract
    from kitaru_conformance.contracts.codecs import CodecContract
    from kitaru_conformance.contracts.journals import JournalContract
    from kitaru_conformance.contracts.model_providers import ModelProviderContract
    from kitaru_conformance.contracts.secret_stores import SecretStoreContract
    from kitaru_conformance.contracts.targets import TargetContract
    from kitaru_conformance.gaps import declared_gap
    from kitaru_conformance.requirements import requirement

__all__ = [
    "AdapterContract",
    "ArtifactStoreContract",
    "CodecContract",
    "Contract",
    "JournalContract",
    "ModelProviderContract",
    "SecretStoreContract",
    "TargetContract",
    "declared_gap",
    "requirement",
]

_HOMES = {
    **CONTRACTS,
    "Contract": "kitaru_conformance.contract",
    "declared_gap": "kitaru_conformance.gaps",
    "requirement": "kitaru_conformance.requirements",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'kitaru_conformance' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
