"""How a study is written down: levels, variants, scopes, architectures, and the words for them."""
