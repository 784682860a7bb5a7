"""Keeps TensorFlow out of the process that serves residents: Rasa imports it for components that we don't use.

Rasa 3.6 imports TensorFlow with its first module, for DIET, TED and the like; it takes 400 MB and ten seconds. Before
Rasa is imported, `without_tensorflow` puts a finder in front that answers for those packages with modules whose names
can be imported, subclassed and used as decorators or annotations. Whatever calls one for real gets NotHere. Training
runs in a process of its own, with the real thing.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

ABSENT = ("tensorflow", "tensorflow_addons", "tensorflow_hub", "tensorflow_text", "tensorflow_probability", "keras")
#: comes with TensorFlow; others (bm25s) use it where they find it and do without where not
HIDDEN = "jax"


class NotHere(RuntimeError):
    """Something tried to work with a package that was kept out."""


class _Kind(type):
    """A class that has every attribute, each a class of the same sort."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Kind(name, (Stand,), {"__module__": f"{cls.__module__}.{cls.__name__}"})

    def __getitem__(cls, item: Any) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return cls

    def __ror__(cls, other: Any) -> Any:
        return cls


class Stand(metaclass=_Kind):
    """Stands for a class or function of an absent package: may be subclassed, or decorate; anything else is refused."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """As a decorator it leaves alone what it decorates."""
        if len(args) == 1 and not kwargs and callable(args[0]):
            return args[0]
        if cls.__name__ == "function":
            return lambda decorated: decorated
        raise NotHere(f"{cls.__module__}.{cls.__name__} is kept out of this process: see nlu/lean.py")


class _Module(ModuleType):
    """A module that has every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Kind(name, (Stand,), {"__module__": self.__name__})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds any module below the absent packages."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """See parent class."""
        if name.split(".")[0] == HIDDEN:
            raise ModuleNotFoundError(f"{name} is kept out of this process: see nlu/lean.py", name=name)
        if name.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> ModuleType:
        """See parent class."""
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """See parent class: there is nothing to run."""


def without_tensorflow() -> None:
    """Must come before the first import of Rasa. Raises NotHere when TensorFlow is in the process already."""
    if here := [name for name in ABSENT if name in sys.modules and not isinstance(sys.modules[name], _Module)]:
        raise NotHere(f"{here[0]} was imported before it could be kept out")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
