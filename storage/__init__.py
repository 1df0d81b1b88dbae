"""The ground: databases and files. Engines, the hash chain, whole writes, strict YAML."""
