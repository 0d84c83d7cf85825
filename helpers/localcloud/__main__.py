"""``python -m helpers.localcloud`` is the ``localcloud`` command."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="localcloud")
