"""What the plugin offers: one card for each prefix; no SDK is imported before its first call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from kitaru.errors import KitaruUsageError
from kitaru.hooks import ModelProvider, PluginCard, hookimpl

__all__ = ["kitaru_model_providers", "kitaru_plugin_card"]

_EXTRA: Final = "llm"
_PROVIDERS: Final = {
    "openai": ("openai", "openai_chat", "OpenAI"),
    "ollama": ("openai", "openai_chat", "Ollama"),
    "openrouter": ("openai", "openai_chat", "OpenRouter"),
    "anthropic": ("anthropic", "anthropic_messages", "Anthropic"),
    "google": ("google.genai", "google_generate", "Google"),
}


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Name the plugin and the ranges of the SDKs."""
    frameworks = {"openai": ">=3", "anthropic": ">=2", "google-genai": ">=2.30"}
    return PluginCard(name="model_providers", hookspec=1, frameworks=frameworks)


@hookimpl
def kitaru_model_providers() -> Sequence[ModelProvider]:
    """Offer the providers."""
    return [ModelProvider(name=name, extra=_EXTRA, load=partial(_load, name)) for name in _PROVIDERS]


def _load(name: str) -> object:
    package, module, attribute = _PROVIDERS[name]
    if not _is_installed(package):
        msg = (
            f"{name}/... models are called through the package {package!r}, which is not installed. "
            f"Run: pip install 'kitaru-core[{_EXTRA}]'"
        )
        raise KitaruUsageError(msg)
    make: Callable[[], object] = getattr(import_module(f"kitaru_plugins.model_providers.{module}"), attribute)
    return make()


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package above it is missing
        return False
