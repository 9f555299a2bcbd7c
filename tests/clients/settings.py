"""What both scripts are told: where the programs are, and how much shorter everything is."""

import argparse
import os
import signal
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse(text, slack):
    """The arguments. From now on an end that is asked for is one that cleans up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(TOP, "target")
    parser = argparse.ArgumentParser(description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=10, metavar="N", help=(
        "deadlines and pauses are N times shorter than in the world (10)"))
    parser.add_argument("--slack", type=float, default=slack, metavar="SECONDS", help=(
        f"what anything may take on a busy machine ({slack})"))
    parser.add_argument("--only", default="", metavar="TEXT", help="those with TEXT in their names")
    parser.add_argument("--quick", action="store_true", help="a few of them")
    parser.add_argument("--behind", choices=("nginx", "haproxy"), help=(
        "those to which a proxy in front must make no difference, behind one"))
    parser.add_argument("--programs", default=os.path.join(target, "debug"), metavar="DIR",
                        help="where httprs is, and examples/streams")
    arguments = parser.parse_args()
    arguments.httprs = os.path.join(arguments.programs, "httprs")
    arguments.streams = os.path.join(arguments.programs, "examples", "streams")
    for program in (arguments.httprs, arguments.streams):
        if not os.path.exists(program):
            sys.exit(f"{program} is missing: cargo build --bin httprs --example streams")
    return arguments
