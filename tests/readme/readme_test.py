"""Runs every command of the README as it stands, and tools/demo; checks that the links lead somewhere."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
README = (SOURCE / "README.md").read_text()


class Readme(unittest.TestCase):
    def test_every_command_runs(self):
        commands = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
        self.assertGreater(commands.count("mrun "), 12)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            shutil.copytree(SOURCE / "bundles", folder / "bundles", ignore=shutil.ignore_patterns("*.mb"))
            (folder / ".build").mkdir()
            (folder / ".build/release").symlink_to(BUILD)
            result = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder, capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr[-2000:])
            self.assertEqual(len((folder / "answers.jsonl").read_text().splitlines()), 100)

    def test_links_lead_somewhere(self):
        for page in [SOURCE / "README.md", *SOURCE.glob("*/**/*.md")]:
            if ".build" in page.parts or "node_modules" in page.parts:
                continue
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page}: {target}")

    def test_the_two_commands_exist(self):
        for name in ["tools/demo", "tools/test"]:
            self.assertIn(name, README)
            self.assertTrue(os.access(SOURCE / name, os.X_OK))

    def test_demo_answers(self):
        if BUILD != SOURCE / ".build/release":
            self.assertNotEqual(BUILD.name, "release", "the demo builds into .build/release")
            return
        result = subprocess.run([SOURCE / "tools/demo"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr[-2000:])
        self.assertIn('"decision":"good"', result.stdout)
        self.assertEqual(result.stdout.count('"score"'), 10)
        self.assertIn("ok      china", result.stdout)


if __name__ == "__main__":
    unittest.main()
