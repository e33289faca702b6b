"""The adapter as a plugin: who it is and what it offers, without importing the SDK."""

from __future__ import annotations

from kitaru.hooks import AdapterCard, CodecCard, PluginCard, hookimpl

__all__ = ["kitaru_adapters", "kitaru_codecs", "kitaru_plugin_card"]


def _load() -> object:
    import kitaru.adapters.claude_agent_sdk as adapter

    return adapter


def _load_codec() -> object:
    from kitaru_adapters.claude_agent_sdk.codec import ResultCodec

    return ResultCodec()


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say who this plugin is."""
    return PluginCard(
        name="claude_agent_sdk",
        hookspec=1,
        frameworks={"claude-agent-sdk": ">=0.2.100,<0.3"},
    )


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    """Offer the adapter."""
    card = AdapterCard(
        name="claude_agent_sdk",
        framework="claude-agent-sdk",
        extra="claude-agent-sdk",
        boundaries=("invocation",),
        strategies=("invocation",),
        default_strategy="invocation",
        capabilities=frozenset({"streams", "waits", "async"}),
        load=_load,
    )
    return [card]


@hookimpl
def kitaru_codecs() -> list[CodecCard]:
    """Offer the codec of results, so that a client can read them without a runner."""
    return [CodecCard(name="claude_agent_sdk.result/1", load=_load_codec)]
