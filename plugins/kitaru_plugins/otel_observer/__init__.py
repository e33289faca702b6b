"""OpenTelemetry spans and metrics for executions and boundaries.

It is active where the OpenTelemetry SDK is installed (extra `otel`), and speaks once the program has set up a provider;
where to, and what is sampled, is decided there. Logfire sets one up with `logfire.configure()`.

A boundary is a span of its own around the body, so whatever a framework or a client reports meanwhile hangs below it.
Work that is reused on a resume or a replay is not reported again. Spans carry names, ids and figures; no inputs, no
outputs, no texts of errors.
"""
