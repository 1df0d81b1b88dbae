"""What MLflow keeps of a version: runs, model files, and addresses that move with a home."""
