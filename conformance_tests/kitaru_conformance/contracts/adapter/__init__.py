"""The contract of adapters, its cases grouped by what they are about."""
