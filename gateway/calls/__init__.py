"""What a provider's call task does: encode, ask upstream, decode, answer."""
