"""OpenTelemetry: traces and metrics with the GenAI conventions; an extra."""
