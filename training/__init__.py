"""From the log to a registered version: data set, split, search, calibration, evaluation."""
