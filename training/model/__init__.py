"""The model: search, fit, calibration, blend and explanation table."""
