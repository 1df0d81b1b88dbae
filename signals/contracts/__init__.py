"""Event contracts: what data of each type holds, its versions, checks and upcasting."""
