"""Use cases of one lead: finding it, who it is and why, what it did, its features."""
