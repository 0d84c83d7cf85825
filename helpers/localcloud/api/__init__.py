"""Google's APIs, one module each, and the method table that serves them over REST and gRPC."""
