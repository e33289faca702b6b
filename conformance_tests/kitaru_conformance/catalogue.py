"""Where the contracts of the suite are; naming them here loads none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["CONTRACTS"]

CONTRACTS: Final[Mapping[str, str]] = {
    "AdapterContract": "kitaru_conformance.contracts.adapter.contract",
    "ArtifactStoreContract": "kitaru_conformance.contracts.artifact_stores",
    "CodecContract": "kitaru_conformance.contracts.codecs",
    "JournalContract": "kitaru_conformance.contracts.journals",
    "ModelProviderContract": "kitaru_conformance.contracts.model_providers",
    "SecretStoreContract": "kitaru_conformance.contracts.secret_stores",
    "TargetContract": "kitaru_conformance.contracts.targets",
}
"""Where each contract class is. A name that no subject has in a run is reported as uncovered."""
