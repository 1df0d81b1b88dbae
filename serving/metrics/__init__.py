"""The metrics of scoring and intake on `/metrics`, and the files in which they are kept."""
