"""One version of a model: its leaves, margins, probabilities, reasons and checks."""
