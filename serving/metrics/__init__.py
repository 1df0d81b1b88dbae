"""What `/metrics` says of scoring and intake, and the files it is kept in."""
