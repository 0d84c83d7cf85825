"""The way in: an HTTPS proxy on loopback that answers for Google's hosts and tunnels the rest."""
