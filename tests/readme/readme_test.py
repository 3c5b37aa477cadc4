"""The demo, and that the links of all pages lead somewhere. Their commands are run by tests/pages."""
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
README = (SOURCE / "README.md").read_text()


class Readme(unittest.TestCase):
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
        for digit in [7, 3, 5]:
            self.assertIn(f'{{"digit":{digit},', result.stdout)
        self.assertIn("ok      seven", result.stdout)


if __name__ == "__main__":
    unittest.main()
