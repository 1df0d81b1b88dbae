"""Connected components."""

from collections.abc import Iterable


def components(keys: set[str], links: Iterable[tuple[str, str]]) -> list[set[str]]:
    """The connected components of keys under links between them.

    >>> sorted(sorted(c) for c in components({"a", "b", "c"}, [("a", "b")]))
    [['a', 'b'], ['c']]
    """
    cluster_of = {key: {key} for key in keys}
    for a, b in links:
        one, other = cluster_of[a], cluster_of[b]
        if one is other:
            continue
        if len(one) < len(other):
            one, other = other, one
        one |= other
        for key in other:
            cluster_of[key] = one
    return list({id(c): c for c in cluster_of.values()}.values())
