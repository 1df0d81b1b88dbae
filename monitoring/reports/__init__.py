"""The monitoring report: one pass over the trail, figures with statuses, a page, a workspace."""
