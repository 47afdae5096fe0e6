"""Command line: python -m core COMMAND. Tables for people; with --json, one JSON document on stdout.

Exit codes: 0 done; 1 it could not be done, with one sentence on stderr (and with --json also {"error": sentence} on
stdout); 2 wrong arguments; 130 interrupted. Progress goes to stderr, so stdout can always be piped.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from core.commands import COMMANDS
from core.errors import CohortError
from core.settings import Settings


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The whole command line; only the chosen command's module is imported."""
    top = argparse.ArgumentParser(prog="python -m core", description="Explore immunotherapy cohorts: the command line.")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        sub = subparsers.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        if name == chosen:
            importlib.import_module(module).add_arguments(sub)
            sub.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in words if word in COMMANDS), None)
    args = parser(chosen).parse_args(words)
    from core.commands import report

    try:
        answer = importlib.import_module(COMMANDS[args.command][0]).run(args, Settings.from_env())
        if args.json:
            print(report.to_json(answer.document))
        else:
            report.show(answer)
        sys.stdout.flush()
    except CohortError as error:
        if args.json:
            print(report.to_json({"error": str(error)}))
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the last good database is untouched.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(answer.failed)


if __name__ == "__main__":
    sys.exit(main())
