"""The store behind `cache=True`: results shared between executions, in files of this machine.

Install it with the extra `cache`. It keeps raw bytes and nothing else: no entry is ever unpickled, whoever wrote it.
"""
