"""What a person reads: every help fits a terminal of 80 columns, and names what there is."""
import re
import unittest

from command import SOURCE, Case, at_a_terminal, mrun


class Help(Case):
    def test_every_help_fits_80_columns(self):
        main = mrun("--help").stdout
        names = re.findall(r"^  mrun ([a-z]+) ", main, re.M)
        self.assertLessEqual({"new", "pack", "inspect", "verify", "rerun", "commit", "log", "diff", "plugins"}, set(names))
        for name, text in [("", main), *((n, mrun(n, "--help").stdout) for n in [*names, "run"])]:
            self.assertTrue(text, name)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, (name, line))

    def test_a_narrow_terminal_has_its_help_too(self):
        for columns in 40, 66:
            for name in "", "run", "plugins":
                _, text, _ = at_a_terminal(*name.split(), "--help", columns=columns)
                self.assertLessEqual(max(map(len, text.splitlines())), columns, text)
                self.assertEqual(text.split(), mrun(*name.split(), "--help").stdout.split())

    def test_help_of_a_subcommand_by_either_spelling(self):
        self.assertEqual(mrun("help", "pack").stdout, mrun("pack", "--help").stdout)
        self.assertEqual(mrun("help").stdout, mrun("--help").stdout)

    def test_every_option_of_the_json_page_exists(self):
        page = (SOURCE / "tools/mrun/JSON.md").read_text()
        everything = "".join(mrun(n, "--help").stdout for n in ["run", "rerun", "inspect", "verify", "pack", "log", "diff", "ops", "plugins"])
        for option in set(re.findall(r"`[^`]*?(--[a-z]+)", page)):
            self.assertIn(option, everything)


if __name__ == "__main__":
    unittest.main()
