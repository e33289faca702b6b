"""Inspecting and operating executions."""
