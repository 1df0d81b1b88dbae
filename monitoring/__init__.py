"""Drift, calibration, lift and canary verdicts of what was decided."""
