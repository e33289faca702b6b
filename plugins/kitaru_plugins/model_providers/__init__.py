"""Providers of models for `llm()`, on their official SDKs: OpenAI and compatible servers, Anthropic, Google."""
