"""Scale by simulation, 10 to 10,000 nodes: `./run bench scale`, explained in docs/scale.md.

    ./run bench scale                        print the tables
    ./run bench scale --report               write them into docs/scale.md
    ./run bench scale --measure [--image init=oci:DIR] [--image volume=oci:DIR]     measure the inputs anew

Without `--image` what the images weigh is estimated from the cache.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.markdown import table
from bench.scale.measure import FORMAT, measure_all
from bench.scale.model import (
    AROUND,
    ASSUMPTIONS,
    FORMS,
    PATIENCE,
    Assumed,
    Form,
    Surroundings,
    breaks_at,
    start_cluster,
)
from package_cache.errors import UsageError
from package_cache.filesystem.paths import write_atomically

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "scale.md"
INPUTS = PROJECT / "bench" / "results" / "scale-inputs.json"
BEGIN, END = "<!-- tables of ./run bench scale: begin -->", "<!-- tables of ./run bench scale: end -->"
SIZES = (10, 100, 1000, 10_000)


def read_inputs(path: Path = INPUTS) -> Mapping[str, Any]:
    """Read what was measured. Raises `UsageError` where it is of another format."""
    inputs: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if inputs.get("format") != FORMAT:
        raise UsageError(f"cannot read {path}: its format is not {FORMAT}", hint="measure anew with --measure")
    return inputs


def report(inputs: Mapping[str, Any]) -> str:
    """Give all tables as Markdown."""
    parts = [
        "### What was measured\n",
        f"Machine: {', '.join(f'{name}: {value}' for name, value in inputs['machine'].items())}.\n",
        table(("what", "figure"), list(_measured(inputs))),
        "### What is assumed\n",
        table(
            ("what", "value", "why"),
            [(one.what, _value(one), one.reason) for one in ASSUMPTIONS],
        ),
        "### Where each breaks first\n",
        f"The smallest cluster in which a pod waits more than {PATIENCE.value:.0f} s for its packages; what is short:\n"
        + "".join(f"\n- {around.name}: {_words(around)}" for around in AROUND)
        + "\n",
        table(("form", *(around.name for around in AROUND)), [[form.name, *_broken(form, inputs)] for form in FORMS]),
        "### A cluster's start\n",
        "Bytes, requests and the end are those of `usual`.\n",
    ]
    for nodes in SIZES:
        parts.append(f"{nodes:,} nodes, {start_cluster(FORMS[0], nodes, inputs).pods:,} pods:\n")
        head = ("form", "registry: bytes", "requests", "archive: bytes", "requests", "peers: bytes", "all ready after")
        waits = [f"longest wait: {around.name}" for around in AROUND]
        parts.append(table((*head, *waits), [_row(form, nodes, inputs) for form in FORMS]))
    return "\n".join(parts)


def _words(around: Surroundings) -> str:
    return f"registry's link {_value(around.registry_link)}, {_value(around.pod_starts)} pod starts"


def _measured(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    online, cache, registry, seconds = (inputs[name] for name in ("online", "cache", "registry", "seconds"))
    what = f"{' and '.join(inputs['groups'])} on {inputs['system']}"
    yield (
        f"`apt-get update && apt-get install` of {what}, once",
        f"{online['requests']} requests, {_bytes(online['bytes'])}, {seconds['online']:.2f} s beside the archive",
    )
    yield (
        f"the cache: {cache['packages']} packages",
        f"pool {_bytes(cache['pool_bytes'])}, index and installer {_bytes(cache['index_bytes'])}",
    )
    for form, image in inputs["images"].items():
        count = len(image["layers"])
        layers = f"{count} layer{'s' if count > 1 else ''}, {_bytes(sum(image['layers']))}"
        yield f"the image of form `{form}`, {image['from']}", f"{layers}, {image['requests']} requests a pull"
    yield (
        f"docker-registry on loopback, beside its {registry['clients']} clients",
        f"{registry['requests_per_second']:,} requests/s, {_bytes(registry['bytes_per_second'])}/s",
    )
    yield f"installing {what} by the cache", f"{seconds['install']:.2f} s"
    yield "unpacking the layer", f"{seconds['unpack']:.2f} s"
    yield "copying the cache to a volume", f"{seconds['stage']:.2f} s"


def _broken(form: Form, inputs: Mapping[str, Any]) -> Iterator[str]:
    for around in AROUND:
        found = breaks_at(form, inputs, around, SIZES[-1])
        yield f"{found.nodes:,} nodes: {found.limit}" if found else f"not up to {SIZES[-1]:,} nodes"


def _row(form: Form, nodes: int, inputs: Mapping[str, Any]) -> Sequence[str]:
    outcomes = [start_cluster(form, nodes, inputs, around) for around in AROUND]
    one = outcomes[0]
    return (
        form.name,
        _bytes(one.registry_bytes),
        f"{one.registry_requests:,.0f}",
        _bytes(one.archive_bytes),
        f"{one.archive_requests:,.0f}",
        _bytes(one.peer_bytes),
        _seconds(one.ready),
        *(_seconds(outcome.longest) for outcome in outcomes),
    )


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB" if count else "0"


def _value(one: Assumed) -> str:
    if one.unit == "bit/s":
        return f"{one.value / 1e9:g} Gbit/s"
    return f"{one.value:,g} {one.unit}".replace(" /s", "/s").strip()


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def write_report(document: Path, inputs: Mapping[str, Any]) -> None:
    """Write the tables into a document, between its two marks."""
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"cannot write the tables into {document}: it lacks the marks {BEGIN} and {END}")
    write_atomically(document, "".join([before, begin, "\n\n", report(inputs), "\n", end, after]).encode())


def layout_argument(text: str) -> tuple[str, Path]:
    """Read `init=oci:DIR`."""
    form, _, place = text.partition("=")
    if form not in ("init", "volume") or not place.startswith("oci:"):
        raise argparse.ArgumentTypeError(f"{text!r} is not like init=oci:DIR or volume=oci:DIR")
    return form, Path(place.removeprefix("oci:"))


def main() -> None:
    """Print or write the tables, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure the inputs anew, as root")
    parser.add_argument("--image", action="append", default=[], type=layout_argument, metavar="FORM=oci:DIR")
    parser.add_argument("--report", action="store_true", help="write the tables into docs/scale.md")
    chosen = parser.parse_args()
    if chosen.measure:
        measure_all(dict(chosen.image), INPUTS)
    inputs = read_inputs()
    if chosen.report:
        write_report(DOCUMENT, inputs)
    else:
        sys.stdout.write(report(inputs))


if __name__ == "__main__":
    main()
