"""Who works a lead: owners, their capacity, and whose turn it is."""
