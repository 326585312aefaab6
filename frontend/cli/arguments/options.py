"""Parsed arguments → what the commands take."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from frontend.cli.exit_codes import USAGE

if TYPE_CHECKING:
    from frontend.cli.connect import TargetOptions
    from frontend.cli.serving import Serving


def check_dom0(options: argparse.Namespace) -> None:
    """Usage errors about Xen's helpers; raises SystemExit(2) with one sentence."""
    target, dom0, domain = (getattr(options, name, None) for name in ("target", "dom0", "domain"))
    wrong = None
    if isinstance(target, str) and target.startswith("gdbsx:"):
        if dom0 is not None and domain is None:
            wrong = "--dom0 needs --domain with gdbsx:HOST:PORT: gdbsx does not say which domain it serves"
    elif isinstance(target, str) and target.startswith("xen:"):
        if domain is not None:
            wrong = "--domain goes with gdbsx:HOST:PORT; xen:DOMAIN names it already"
    elif dom0 is not None or domain is not None:
        wrong = "--dom0 and --domain are for xen:DOMAIN and gdbsx:HOST:PORT"
    if wrong is not None:
        print(f"dr6: {wrong}.", file=sys.stderr)
        raise SystemExit(USAGE)


def target_options(options: argparse.Namespace, words: tuple[str, ...]) -> TargetOptions:
    """What is debugged, of the options of any command; ``words`` is the command line, for a recording."""
    from frontend.cli.connect import Launch, TargetOptions
    from frontend.cli.restore import always, never

    target = (
        options.target
        if hasattr(options, "target")
        else Launch(
            options.image,
            options.accel,
            options.smp,
            options.memory,
            options.cpu,
            options.qemu,
            tuple(options.qemu_args),
            getattr(options, "record_replay", None),
            getattr(options, "plugin", False),
        )
    )
    return TargetOptions(
        target,
        getattr(options, "backend", None),
        tuple(getattr(options, "symbols", ())),
        options.record,
        getattr(options, "leave", "running"),
        dom0=getattr(options, "dom0", None),
        domain=getattr(options, "domain", None),
        host=getattr(options, "host", None),
        kaslr=getattr(options, "kaslr", "auto"),
        may_restore=never if getattr(options, "keep_int3s", False) else always,
        witness=getattr(options, "witness", "off"),
        command=words,
    )


def serving_beside(options: argparse.Namespace) -> Serving | None:
    """Who is let in beside the screen, with ``--serve``."""
    if options.serve is None:
        return None
    from frontend.cli.serve import serving_of

    return serving_of(options, options.serve)
