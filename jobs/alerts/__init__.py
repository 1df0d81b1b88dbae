"""What a person must hear of: looked for, kept, and told; and what is left of the objectives."""
