"""Commands for whoever has an export and nothing else."""
