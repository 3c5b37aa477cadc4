"""Plays each case with pickle, dill and a bundle, prints the table of what happened and compares it with README.md.

    articles_test.py            the test
    articles_test.py --write    puts the table into README.md
"""
import concurrent.futures
import importlib
import pathlib
import sys
import tempfile
import unittest

from world import World

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "README.md"
BEGIN, END = "<!-- table: written by articles_test.py --write -->\n", "<!-- end of table -->\n"
ORDER = ["edit_forward", "rename_module", "saved_from_main", "main_with_helper", "saved_from_import", "local_function", "closure",
         "function_value", "function_as_data", "helper_changes", "inspect_settings", "compare_experiments", "override_parameter"]
WAYS = ["pickle", "dill", "bundle"]


def play(name, way):
    """What happened, in words, and what the programs said."""
    case = importlib.import_module(f"cases.{name}")
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, way)
        return (case.bundle if way == "bundle" else case.python)(world), world.log


def play_all():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        played = {(name, way): pool.submit(play, name, way) for name in ORDER for way in WAYS}
        return {key: future.result() for key, future in played.items()}


def row(name, played):
    title = importlib.import_module(f"cases.{name}").TITLE
    return f"| [{title}](cases/{name}.py) | " + " | ".join(played[name, way][0] for way in WAYS) + " |\n"


def table(played):
    return "| | " + " | ".join(WAYS) + " |\n|---|---|---|---|\n" + "".join(row(name, played) for name in ORDER)


class Articles(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.played = play_all()
        print(table(cls.played), flush=True)

    def test_every_case_is_in_the_table(self):
        self.assertEqual(sorted(ORDER), sorted(p.stem for p in (HERE / "cases").glob("*.py")))

    def test_the_page_says_what_happened(self):
        _, _, rest = PAGE.read_text().partition(BEGIN)
        written, _, _ = rest.partition(END)
        self.assertEqual(written, table(self.played))


def add_case(name):
    def test(self):
        said = row(name, self.played)
        log = "\n".join(line for way in WAYS for line in self.played[name, way][1])
        self.assertIn(said, PAGE.read_text(), f"not what README.md says; the programs said:\n{log}")
    setattr(Articles, f"test_{name}", test)


for case_name in ORDER:
    add_case(case_name)


def write():
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table(play_all()) + END + after)


if __name__ == "__main__":
    write() if "--write" in sys.argv else unittest.main()
