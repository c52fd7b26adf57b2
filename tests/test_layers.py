"""Imports only go down the table of layers, stand at the top of the file, and load nothing heavy."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import jaxlite

PACKAGE = Path(jaxlite.__file__).parent

# First component below ``jaxlite`` -> layer. A folder has one layer: everything in it may import all of it.
LAYERS = {
    # 0: what everybody may use
    "errors": 0,
    "source": 0,
    "tree": 0,
    "tree_code": 0,
    "tree_def": 0,
    "tree_nodes": 0,
    "tree_paths": 0,
    "counters": 0,
    "locks": 0,
    "dtypes": 0,
    "config": 0,
    # 1: the IR
    "ir": 1,
    "check": 1,
    "printing": 1,
    "parsing": 1,
    "to_python": 1,
    # 2: values in flight, and how an operation is declared
    "array": 2,
    "lowering": 2,
    "trace": 2,
    "primitive": 2,
    # 3: first-order primitives
    "ops": 3,
    # 4: interpreters
    "interpreters": 4,
    # 5: control flow, jaxpr -> jaxpr, jaxpr -> loops -> LLVM IR
    "control": 5,
    "passes": 5,
    "codegen": 5,
    # 6: machine code
    "runtime": 6,
    # 7: what users import
    "__init__": 7,
    "__main__": 7,
    "ad_checkpoint": 7,
    "api": 7,
    "bessel": 7,
    "core": 7,
    "datasets": 7,
    "flatten_util": 7,
    "image": 7,
    "lax": 7,
    "names": 7,
    "debug": 7,
    "example_libraries": 7,
    "experimental": 7,
    "extend": 7,
    "nn": 7,
    "numpy": 7,
    "random": 7,
    "scipy": 7,
    "show": 7,
    "test_util": 7,
    "tree_util": 7,
    "typing": 7,
    "windowed": 7,
}

# What a module may import at its top besides jaxlite and the standard library. The rest (numba, scipy) is
# imported where it is first used, so that `import jaxlite` stays light.
TOP_LEVEL_THIRD_PARTY = {"numpy"}


class Import(NamedTuple):
    """One imported module: ``jaxlite/api.py:12: jaxlite.ir (at the top)``."""

    importer: str
    target: str
    path: str
    line: int
    in_function: bool

    def __str__(self):
        where = "in a function" if self.in_function else "at the top"
        return f"{self.path}:{self.line}: {self.target} ({where})"


def module_name(path: Path, root: Path) -> str:
    parts = ("jaxlite", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_key(module: str) -> str:
    """``jaxlite.ops.linalg`` -> ``ops``; ``jaxlite`` -> ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(source: str, path: Path, root: Path, modules: set[str]) -> list[Import]:
    """Find every import in a file, including those in functions, under ``if`` and by ``import_module``."""
    importer, place = module_name(path, root), f"jaxlite/{path.relative_to(root).as_posix()}"
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    found = []

    def targets(node):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                # `from jaxlite.ops import linalg` names a module, `from jaxlite.ir import Var` a part of one.
                submodule = f"{base}.{alias.name}"
                yield submodule if submodule in modules else base
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))

    def visit(node, in_function):
        for target in dict.fromkeys(targets(node)):
            found.append(Import(importer, target, place, node.lineno, in_function))
        in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, in_function)

    visit(ast.parse(source), False)
    return found


def read_package(root: Path) -> tuple[set[str], list[Import]]:
    paths = sorted(root.rglob("*.py"))
    modules = {module_name(path, root) for path in paths}
    return modules, [i for path in paths for i in imports_of(path.read_text("utf-8"), path, root, modules)]


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == "jaxlite"


def upward_imports(imports: list[Import]) -> list[str]:
    def layer(module):
        return LAYERS[layer_key(module)]

    return [
        f"{i}: layer {layer(i.importer)} imports layer {layer(i.target)}"
        for i in imports
        if is_ours(i.target) and layer(i.target) > layer(i.importer)
    ]


def find_cycle(edges: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    finished: set[str] = set()

    def search(module, chain):
        if module in chain:
            return chain[chain.index(module) :] + [module]
        if module in finished:
            return []
        for target in sorted(edges.get(module, ())):
            if cycle := search(target, [*chain, module]):
                return cycle
        finished.add(module)
        return []

    return next((cycle for module in sorted(edges) if (cycle := search(module, []))), [])


@pytest.fixture(scope="module")
def package():
    return read_package(PACKAGE)


def test_every_module_has_a_layer(package):
    modules, _ = package
    assert sorted({layer_key(m) for m in modules} - LAYERS.keys()) == [], "add it to LAYERS, where it belongs"


def test_imports_only_go_down(package):
    _, imports = package
    assert upward_imports(imports) == []


def test_modules_do_not_import_each_other_in_a_circle(package):
    modules, imports = package
    edges = {module: set() for module in modules}
    for i in imports:
        if is_ours(i.target):
            edges[i.importer].add(i.target)
    assert find_cycle(edges) == []


def test_functions_import_nothing_of_jaxlite(package):
    _, imports = package
    late = {(i.importer, i.target) for i in imports if i.in_function and is_ours(i.target)}
    # The compiler is loaded at the first compilation, the code generator where a program is not found on disk.
    assert late == {
        ("jaxlite", "jaxlite.runtime.compile"),
        ("jaxlite", "jaxlite.runtime.stages"),
        ("jaxlite.runtime.compile", "jaxlite.codegen.source"),
        ("jaxlite.runtime.symbols", "jaxlite.codegen.external"),
        ("jaxlite.runtime.symbols", "jaxlite.codegen.products"),
        ("jaxlite.runtime.symbols", "jaxlite.codegen.tapes"),
        ("jaxlite.runtime.symbols", "jaxlite.codegen.tiles"),
        ("jaxlite.runtime.symbols", "jaxlite.codegen.vector_math"),
    }


def test_nothing_heavy_is_imported_at_the_top_of_a_file(package):
    _, imports = package
    allowed = TOP_LEVEL_THIRD_PARTY | sys.stdlib_module_names
    heavy = [i for i in imports if not (i.in_function or is_ours(i.target))]
    assert [str(i) for i in heavy if i.target.partition(".")[0] not in allowed] == []


def test_jax_is_never_imported(package):
    _, imports = package
    assert [str(i) for i in imports if i.target.partition(".")[0] in ("jax", "jaxlib")] == []


def test_import_jaxlite_loads_numpy_and_nothing_else():
    code = (
        "import sys, numpy; before = set(sys.modules); import jaxlite;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - sys.stdlib_module_names - {"numpy"} == {"jaxlite"}


# The checks themselves, on a package that breaks every rule.

BAD_PACKAGE = {
    "__init__.py": "from jaxlite.api import grad\n",
    "errors.py": "from .ops.add import add_p\n",
    "ir.py": "import numpy as np\nimport scipy.special\n\nif np:\n    import jaxlite.trace\n",
    "trace.py": "def leak():\n    from jaxlite import ir, errors\n    return ir, errors\n",
    "ops/__init__.py": "",
    "ops/add.py": "from . import sub\nfrom .. import ir\nfrom jaxlite import grad\n",
    "ops/sub.py": "from jaxlite.ops.add import add_p\n",
    "api.py": "import importlib\n\nlazy = lambda: importlib.import_module('jaxlite.ops')\n",
}


@pytest.fixture
def bad_package(tmp_path):
    for name, source in BAD_PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, "utf-8")
    return read_package(tmp_path)


def test_upward_imports_are_found(bad_package):
    _, imports = bad_package
    assert upward_imports(imports) == [
        "jaxlite/errors.py:1: jaxlite.ops.add (at the top): layer 0 imports layer 3",
        "jaxlite/ir.py:5: jaxlite.trace (at the top): layer 1 imports layer 2",
        "jaxlite/ops/add.py:3: jaxlite (at the top): layer 3 imports layer 7",
    ]


def test_imports_in_functions_are_found(bad_package):
    _, imports = bad_package
    assert [str(i) for i in imports if i.in_function] == [
        "jaxlite/api.py:3: jaxlite.ops (in a function)",
        "jaxlite/trace.py:2: jaxlite.ir (in a function)",
        "jaxlite/trace.py:2: jaxlite.errors (in a function)",
    ]


def test_third_party_imports_are_found(bad_package):
    _, imports = bad_package
    assert [i.target for i in imports if i.path == "jaxlite/ir.py"] == [
        "numpy",
        "scipy.special",
        "jaxlite.trace",
    ]


def test_circles_are_found():
    assert find_cycle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
