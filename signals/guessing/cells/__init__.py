"""What the cells of one column are: missing, numbers, times; pure functions of distinct texts."""
