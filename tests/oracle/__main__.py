"""Print the figures of the differential test: ``python -m tests.oracle``; it takes a quarter of an hour.

python -m tests.oracle --only mathematics         the rows of one file
python -m tests.oracle --only scipy.stats nn      the rows of two modules
"""

import os

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAXLITE_CACHE"] = "0"

import argparse
import warnings

import jax

from tests.oracle.differential import area_of, compare_all, differences, figures, total
from tests.oracle.parts import PARTS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__.partition("\n")[0])
    areas = {area_of(row.name): part for part in PARTS for row in PARTS[part].rows}
    names = [*PARTS, *areas]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=list(PARTS), metavar="NAME", help=", ".join(names)
    )
    wanted = set(parser.parse_args().only)
    warnings.simplefilter("ignore")
    parts, lines = [], []
    for name, part in PARTS.items():
        chosen = [row for row in part.rows if not wanted.isdisjoint({name, area_of(row.name)})]
        if not chosen:
            continue
        outcomes = compare_all([(row, letter) for row in chosen for letter in row.dtypes], jax)
        excluded = {area_of(row.name): [] for row in chosen}
        for function in part.excluded:
            excluded.setdefault(area_of(function), []).append(function)
        print(f"{name}: {figures(outcomes, sum(excluded.values(), []))}")
        for area, without in sorted(excluded.items()):
            its = [outcome for outcome in outcomes if area_of(outcome.row.name) == area]
            if its:
                print(f"    {area:20} {figures(its, without).brief}", flush=True)
        parts.append(figures(outcomes, sum(excluded.values(), [])))
        lines += differences(outcomes)
    print("\n".join([str(total(parts)), *lines]))


if __name__ == "__main__":
    main()
