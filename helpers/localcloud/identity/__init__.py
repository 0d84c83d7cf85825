"""Who somebody is and what they may do: accounts, keys, tokens, roles."""
