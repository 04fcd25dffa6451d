"""What an index was made with, and how that differs from what the settings ask for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Manifest"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decides whether stored vectors and chunks fit the running service.

    `embedder` has the form `provider:model`; `dimension` is the length of its vectors; `chunker`
    names the chunker with its sizes, such as `blocks-v1/256/32`.
    """

    embedder: str
    dimension: int
    chunker: str

    def differences(self, asked: Manifest) -> dict[str, tuple[str, str]]:
        """Return, by part that differs, what this index has and what is asked for."""
        here, there = asdict(self), asdict(asked)
        return {
            name: (str(here[name]), str(there[name])) for name in here if here[name] != there[name]
        }
