"""Secrets: named values that are kept encrypted and never written into a record, a log or an error."""
