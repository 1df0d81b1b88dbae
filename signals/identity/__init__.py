"""Identity resolution: links between identifiers, persons, merges and splits."""
