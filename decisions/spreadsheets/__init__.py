"""A policy's tables as spreadsheets: written, changed by people, and read again."""
