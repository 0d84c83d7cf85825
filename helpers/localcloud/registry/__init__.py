"""The docker registry: content-addressed blobs, images and the registry protocol."""
