"""Who is who: links between identifiers, persons, merges and splits."""
