"""The headers of every page: what a browser may load, run, frame and remember."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""No script and no style but from the console's own files."""
PAGE_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def editor_headers(word: str) -> dict[str, str]:
    """The headers of a page that an editor stands in, which makes style sheets by script.

    Style sheets are let through by `word`, the editor's WebAssembly by its own name; both are the
    console's own files, and no other site is reached.
    """
    policy = (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
        f"style-src 'self' 'nonce-{word}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {**PAGE_HEADERS, "content-security-policy": policy}


REPORT_HEADERS = {
    **PAGE_HEADERS,
    "content-security-policy": "sandbox allow-scripts; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'none'",
}
"""Of a report that a library made, scripts and all: it runs in a sandbox, as a site of its own,
which has no cookie of the console and reaches no network."""
