"""What starts inside the sandbox: bounds itself, then runs the code or the command.

Run as `python -I -u inside.py BOUNDS KIND FILE`; imports nothing of ours. BOUNDS is a JSON object from the names of
resource limits to numbers; KIND is python, shell, or nothing to wait for the end of stdin; FILE holds the code or the
command.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import sys
import traceback
import warnings
from types import ModuleType

READY = "sandboxed"
WORKSPACE = "/workspace"


def main() -> None:
    """Do what the command line says."""
    import resource  # not on Windows, where this file is imported for its names

    bounds, kind, path = sys.argv[1:]
    for name, value in json.loads(bounds).items():
        bounded = getattr(resource, name)
        most = resource.getrlimit(bounded)[1]
        limit = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(bounded, (limit, limit))
    os.nice(10)  # whoever watches over it goes first
    sys.argv = [path]
    if kind == "python":
        sys.exit(_python(path))
    elif kind == "shell":
        shell = next(shell for shell in ("/bin/bash", "/bin/sh") if os.path.exists(shell))
        with open(path, encoding="utf-8") as file:
            os.execv(shell, [shell, "-c", file.read()])
    else:
        sys.stdout.write(READY + "\n")
        sys.stdin.read()


def _python(path: str) -> int:
    module = ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    sys.path.insert(0, WORKSPACE)
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # what is shown is saved at the end
    try:
        _run(path, module)
    except Exception as error:
        _explain(error, path)
        return 1
    finally:
        _save_plots()
    return 0


def _run(path: str, module: ModuleType) -> None:
    """Run the code, and show what its last line is worth as a notebook does."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    tree = ast.parse(source, path)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, path, "exec"), module.__dict__)
    if isinstance(last, ast.Expr):
        sys.displayhook(eval(compile(ast.Expression(last.value), path, "eval"), module.__dict__))


def _explain(error: BaseException, path: str) -> None:
    """Print the traceback, of which only the lines somebody wrote here can be changed."""
    told = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    left: list[traceback.TracebackException | None] = [told]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            ours = [frame for frame in one.stack if frame.filename == path or frame.filename.startswith(WORKSPACE)]
            one.stack = traceback.StackSummary.from_list(ours)
            left += [one.__cause__, one.__context__]
    sys.stdout.flush()
    sys.stderr.write("".join(told.format()))


def _save_plots() -> None:
    """Save the figures that are still open."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    number = 0
    for figure in pyplot.get_fignums():
        number += 1
        while os.path.lexists(f"{WORKSPACE}/plot-{number}.png"):
            number += 1
        pyplot.figure(figure).savefig(f"{WORKSPACE}/plot-{number}.png")


if __name__ == "__main__":
    main()
