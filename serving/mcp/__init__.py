"""The tools for assistants over the Model Context Protocol: on standard streams, and over HTTP.

Loading a module of this room loads `mcp`, which takes seconds: who does not need it does not.
"""
