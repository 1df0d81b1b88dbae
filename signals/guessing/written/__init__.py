"""Guesses as files: a mapping and a training configuration, with a comment for each guess."""
