"""Pin requirements, and verify offline that the pins are complete.

    python -m scripts.lock             pin requirements/app.in under the template's pins
    python -m scripts.lock --all       pin all layers again, with the same versions if possible
    python -m scripts.lock --check     verify, without a network, that nothing is missing

Every layer is resolved together with those below it, once, for every platform and every Python
from the lowest supported one, so that the same versions and hashes stand in each environment.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.findings import report
from scripts.pins import BELOW, Pin, parse_layer, read_layer, render
from scripts.proof import prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["beyond", "main", "python_floor", "relock"]

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
OWNED = ("base", "dev", "docs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.lock",
        description="Pin requirements, and verify offline that the pins are complete.",
    )
    parser.add_argument("--check", action="store_true", help="verify the pins; change nothing")
    parser.add_argument("--all", action="store_true", help="pin the template's layers too")
    parser.add_argument("--upgrade", action="store_true", help="use the newest versions")
    parser.add_argument(
        "--upgrade-package", action="append", default=[], metavar="NAME", help="only this one"
    )
    options = parser.parse_args(arguments)
    if options.check:
        layers = [read_layer(FOLDER, name) for name in present()]
        return report(prove(layers))
    upgrades = ["--upgrade"] if options.upgrade else []
    for name in options.upgrade_package:
        upgrades += ["--upgrade-package", name]
    try:
        relock([*(OWNED if options.all else ()), "app"], upgrades=upgrades)
    except subprocess.CalledProcessError as exc:
        print(f"the pins are unchanged: {exc.stderr.strip()}", file=sys.stderr)
        return 1
    return 0


def present() -> list[str]:
    """Return the layers that this service has: `docs` only if there is documentation."""
    return [name for name in BELOW if (FOLDER / f"{name}.in").exists()]


def python_floor() -> str:
    """Return the lowest Python version that the service supports, such as `3.11`."""
    lines = (ROOT / ".python-version").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line and not line.startswith("#"))


def relock(names: Iterable[str], *, upgrades: Sequence[str] = ()) -> None:
    """Write the `.txt` files of these layers.

    Raises:
        subprocess.CalledProcessError: no set of versions satisfies the `.in` files.
    """
    chosen = [name for name in present() if name in set(names)]
    owned = [name for name in present() if name in OWNED]
    texts: dict[str, str] = {}
    constraints = _pinned(owned)
    if set(OWNED) & set(chosen):
        constraints = _resolve(owned, preferences=_pinned(owned), upgrades=upgrades)
        resolved: dict[str, list[Pin]] = {}
        for name in owned:
            text = _resolve([*BELOW[name], name], constraints=constraints)
            resolved[name] = _parse(name, text)
            lower = [pin for below in BELOW[name] for pin in resolved[below]]
            texts[name] = render(name, beyond(lower, resolved[name]))
    if "app" in chosen:
        texts["app"] = _app(constraints, texts.get("base"), upgrades)
    for name, text in texts.items():
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"requirements/{name}.txt: {text.count('    # via')} pins")


def _app(constraints: str, base: str | None, upgrades: Sequence[str]) -> str:
    """Return `app.txt`: what `app.in` needs beyond the base layer."""
    layer = read_layer(FOLDER, "app")
    if not layer.wishes:
        return render("app", ())
    resolved = _resolve(
        ["app"], constraints=constraints, preferences=_pinned(["app"]), upgrades=upgrades
    )
    lower = _parse("base", base) if base is not None else list(read_layer(FOLDER, "base").pins)
    return render("app", beyond(lower, _parse("app", resolved)))


def beyond(lower: Iterable[Pin], pins: Iterable[Pin]) -> list[Pin]:
    """Return the pins that the lower layers lack, completely or on some platforms."""
    known = {(pin.label, pin.marker) for pin in lower}
    return [pin for pin in pins if not known & {(pin.label, pin.marker), (pin.label, "")}]


def _pinned(names: Iterable[str]) -> str:
    files = [FOLDER / f"{name}.txt" for name in names]
    return "".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def _parse(name: str, text: str) -> list[Pin]:
    """Read resolved pins, without the notes about constraints."""
    pins = parse_layer(name, "", text).pins
    for pin in pins:
        pin.via = [source for source in pin.via if not source.startswith("-c ")]
    return list(pins)


def _resolve(
    names: Iterable[str],
    *,
    constraints: str = "",
    preferences: str = "",
    upgrades: Sequence[str] = (),
) -> str:
    """Return the pins that satisfy the wishes of these layers."""
    with tempfile.TemporaryDirectory() as folder:
        limits, output = Path(folder, "constraints.txt"), Path(folder, "output.txt")
        limits.write_text(constraints, encoding="utf-8")
        output.write_text(preferences, encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
                *(f"requirements/{name}.in" for name in names),
                *("--constraints", str(limits), "--output-file", str(output)),
                *("--universal", "--python-version", python_floor()),
                *("--fork-strategy", "fewest", "--generate-hashes", "--no-header"),
                # pip checks a pin without its extras too late, and then rejects a newer version.
                "--no-strip-extras",
                *("--no-emit-index-url", "--no-emit-find-links"),
                *upgrades,
            ],
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return output.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
