"""tools/bench [core|bundle|engine|isolation|image|text|…] [--json] [--rounds N]"""
import argparse
import importlib.util
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def suites():
    """core, bundle, engine, isolation, and every plugin that has bench/suite.py."""
    found = {name: HERE / f"{name}.py" for name in ("core", "bundle", "engine", "isolation")}
    for path in sorted(SOURCE.glob("plugins/*/bench/suite.py")):
        found[path.parent.parent.name] = path
    return found


def main():
    available = suites()
    parser = argparse.ArgumentParser(prog="tools/bench", description="Measures mrun beside peers in the same run, interleaved.")
    parser.add_argument("suite", nargs="*", choices=[[], *available], default=[], help="which; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each side (default 9)")
    options = parser.parse_args()
    build = SOURCE / ".build/release"
    work = SOURCE / ".build/bench"
    work.mkdir(parents=True, exist_ok=True)
    os.environ["MRUN_ISOLATION"] = "none"  # what is measured is the engine; isolation measures both
    for name in options.suite or available:
        path = available[name]
        sys.path.insert(0, str(path.parent))
        specification = importlib.util.spec_from_file_location(f"bench_{name}", path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        module.main(build, work, options.json, options.rounds)
        sys.path.remove(str(path.parent))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
