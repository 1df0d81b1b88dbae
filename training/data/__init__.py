"""The data set: cutoffs, labels, splits, and what may be wrong with them."""
