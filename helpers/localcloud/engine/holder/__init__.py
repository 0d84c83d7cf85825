"""What stands around one container: a small process of its own, standard library only.

The daemon starts it as ``python -I -S -c …`` with this package's parent on the path, so nothing
here may import anything but the standard library and its neighbours. It makes the namespaces,
starts bubblewrap inside them, watches the memory, and ends when its control socket is closed:
then nothing of the container is left, whatever became of the daemon.
"""
