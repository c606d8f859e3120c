"""Texts of packs → rules ready to be used: those that come with the program, and any others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from classifiers.pack_reader import PackReader
from classifiers.rules import RuleSet


@cache
def builtin_rules() -> RuleSet:
    """The rules that come with the program; their tests check them, so loading does not do it again."""
    return PackReader(thorough=False).load(_packs())


@cache
def builtin_version() -> str:
    """Names the rules that come with the program: 12 hex digits of a hash of their packs."""
    digest = hashlib.blake2b(digest_size=6)
    for name, text in _packs().items():
        digest.update(f"{name}\x1f{text}\x1e".encode())
    return digest.hexdigest()


def _packs() -> dict[str, str]:
    """The packs' texts by their file names, in order."""
    folder = resources.files("classifiers").joinpath("packs")
    packs = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    return {entry.name: entry.read_text(encoding="utf-8") for entry in packs}


def load_packs(texts: Mapping[str, str]) -> RuleSet:
    """Packs by name (their TOML text) to rules; raises PackError with every mistake of all of them."""
    return PackReader(thorough=True).load(texts)
