"""The promised import path of each adapter, nothing else."""
