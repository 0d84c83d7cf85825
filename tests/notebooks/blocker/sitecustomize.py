"""In PYTHONPATH, this makes ``helpers.localcloud`` unimportable, as it is for nobody on Google."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType


class Blocker:
    """Answers for ``helpers.localcloud`` before any other finder does."""

    @staticmethod
    def find_spec(
        name: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse the local cloud and know nothing of other modules."""
        if name == "helpers.localcloud" or name.startswith("helpers.localcloud."):
            raise ModuleNotFoundError(f"{name} is blocked: a lesson on Google must not need it")
        return None


sys.meta_path.insert(0, Blocker)
