"""What people read of a run: charts, model card, pages."""
