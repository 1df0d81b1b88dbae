"""What assistants may ask and propose: tools over a home, whatever protocol carries them."""
