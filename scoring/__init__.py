"""The core that turns a lead into an explained, decided, recorded answer."""
