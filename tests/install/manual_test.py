"""Manual pages and completion: installed, without a fault that their readers find, and with every option that --help has."""
import os
import pty
import re
import select
import time
import unittest

from installed import Installed, run

# What is asked for, in every shell, and what is offered: `mrun WORDS<TAB>`.
COMPLETED = [
    (["insp"], {"inspect"}),
    (["ver"], {"verify"}),
    (["pack", "--dr"], {"--dry-run"}),
    (["new", "mine", "--kind", "t"], {"text", "tensor"}),
    (["model.mb", "--isolation", ""], {"process", "none"}),
    (["model.mb", "a text", "--log-level", "d"], {"debug"}),
    (["model.mb", "--batch"], {"--batch-size"}),
    (["pack", "folder", "--output", "no"], {"notes.txt"}),
    (["model.mb", "no"], {"notes.txt"}),
    (["inspect", "no"], {"notes.txt"}),
]
# Of a text in a file; bash has words of its own for it.
COMPLETED_AT = [
    (["model.mb", "@no"], {"@notes.txt"}),
    (["model.mb", "text=@no"], {"text=@notes.txt"}),
]


def options_of(help_text):
    """Each option of a --help: "-o,--output" gives both."""
    found = re.findall(r"^  (-[\w-]+(?:,-[\w-]+)*)", help_text, re.M)
    return {name for names in found for name in names.split(",")}


class Manual(Installed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.man, share = cls.prefix / "share/man", cls.prefix / "share"
        cls.bash = share / "bash-completion/completions/mrun"
        cls.zsh = share / "zsh/site-functions/_mrun"
        cls.fish = share / "fish/vendor_completions.d/mrun.fish"
        overview = run("mrun", "--help", env=cls.env).stdout
        cls.helps = {"run": run("mrun", "run", "--help", env=cls.env).stdout}
        for name in re.findall(r"^  mrun ([a-z-]+) ", overview, re.M):
            cls.helps[name] = run("mrun", name, "--help", env=cls.env).stdout

    def setUp(self):
        self.work = self.root / "work"
        self.work.mkdir(exist_ok=True)
        (self.work / "notes.txt").write_text("")
        (self.work / "so many").mkdir(exist_ok=True)

    def test_every_subcommand_has_a_page(self):
        self.assertGreater(len(self.helps), 15)
        wanted = {"mrun.1" if name == "run" else f"mrun-{name}.1" for name in self.helps}
        self.assertEqual({p.name for p in (self.man / "man1").iterdir()}, wanted)

    def test_they_are_written_beside_what_is_there_or_not_at_all(self):
        folder = self.root / "manual"
        (folder / "man1").mkdir(parents=True)
        (folder / "man1/other.1").write_text("of another program")
        for _ in range(2):
            self.ok("mrun", "--manual", folder)
        self.assertEqual((folder / "man1/other.1").read_text(), "of another program")
        self.assertEqual((folder / "man1/mrun.1").read_bytes(), (self.man / "man1/mrun.1").read_bytes())
        full = run("sh", "-c", f'ulimit -f 1; exec "{self.prefix}/bin/mrun" --manual "{self.root}/small"', env=self.env)
        self.assertEqual((full.returncode, full.stdout), (5, ""))
        self.assertIn("/small/man1/mrun.1: ", full.stderr)
        self.assertEqual([p for p in (self.root / "small").rglob("*") if p.is_file()], [])
        self.assertEqual(run("mrun", "--manual", "", env=self.env, cwd=self.work).returncode, 2)

    def test_readers_of_pages_find_no_fault(self):
        pages = [p for p in self.man.rglob("*") if p.is_file()]
        self.assertEqual({p.parent.name for p in pages}, {"man1", "man3", "man5"})
        for page in pages:
            done = run("groff", "-man", "-ww", "-z", "-Tutf8", page)
            self.assertEqual(done.stderr, "", page)
            found = run("mandoc", "-T", "lint", "-W", "warning", page).stdout
            self.assertEqual([line for line in found.splitlines() if "missing date" not in line], [], page)
            self.assertRegex(page.read_text(), r'\.SH NAME\nmrun[\w\\-]* \\- .')

    def test_pages_have_every_option(self):
        for name, text in self.helps.items():
            page = self.man / "man1" / ("mrun.1" if name == "run" else f"mrun-{name}.1")
            shown = run("man", "-l", page, env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}).stdout
            self.assertTrue(options_of(text), name)
            for option in options_of(text):
                self.assertRegex(shown, rf"(?m)^ +(-[\w-]+, )*{option}\b", page)

    def test_the_librarys_pages_are_its_headers(self):
        shown = run("man", "-l", self.man / "man3/mrun.3", env={**os.environ, "MANWIDTH": "160", "LC_ALL": "C.UTF-8"}).stdout
        header = (self.prefix / "include/mrun/mrun.h").read_text()
        for line in filter(None, map(str.strip, header.splitlines())):
            self.assertIn(line, shown)

    def test_completions_have_every_option(self):
        texts = {shell: path.read_text() for shell, path in [("bash", self.bash), ("zsh", self.zsh), ("fish", self.fish)]}
        for name, text in self.helps.items():
            case = r"\*" if name == "run" else name
            bash = re.search(rf"^    {case}\)\n      options='([^']*)'", texts["bash"], re.M).group(1).split()
            zsh = re.search(rf"^  {case}\)\n(.*?)^    ;;", texts["zsh"], re.M | re.S).group(1)
            fish = [row for row in texts["fish"].splitlines() if re.search(r"-n 'not __mrun_in" if name == "run" else f"-n '__mrun_in {name}'", row)]
            for option in options_of(text):
                self.assertIn(option, bash, name)
                self.assertTrue(re.search(rf"['*)]{option}[=+]?\[", zsh), (name, option))
                self.assertTrue(any(re.search(rf" -[sl] {option.lstrip('-')} ", row) for row in fish), (name, option))

    def test_bash(self):
        self.assertEqual(run("shellcheck", "-s", "bash", self.bash).stdout, "")
        for words, wanted in COMPLETED:
            # What readline does: the function's answers, else files.
            script = (f'source "{self.bash}"; shift; COMP_WORDS=(mrun "$@"); COMP_CWORD=$#; _mrun 2>/dev/null; '
                      'if [ ${#COMPREPLY[@]} -eq 0 ]; then compgen -f -- "${COMP_WORDS[COMP_CWORD]}"; else printf "%s\\n" "${COMPREPLY[@]}"; fi')
            got = run("bash", "--norc", "-c", script, "bash", "mrun", *words, cwd=self.work)
            self.assertEqual(set(got.stdout.split()), wanted, (words, got.stderr))

    def test_bash_with_an_equals_sign(self):
        script = f'source "{self.bash}"; COMP_WORDS=(mrun m.mb --isolation = pro); COMP_CWORD=4; _mrun 2>/dev/null; echo "${{COMPREPLY[@]}}"'
        self.assertEqual(run("bash", "--norc", "-c", script).stdout, "process\n")

    def test_bash_behind_an_at(self):
        for line, word, wanted in [("mrun m.mb @no", "@no", "@notes.txt"), ("mrun m.mb text=@no", "@no", "@notes.txt"), ("mrun m.mb @so", "@so", "@so\\ many/"),
                                   ("mrun m.mb@no", "@no", "")]:
            # What readline does: the @ is a word of its own, and belongs to the one that is completed.
            script = (f'source "{self.bash}"; COMP_LINE="{line}" COMP_POINT={len(line)} COMP_WORDS=(mrun m.mb @ "{word[1:]}"); COMP_CWORD=3; '
                      f'_mrun mrun "{word}" 2>/dev/null; echo "${{COMPREPLY[*]}}"')
            self.assertEqual(run("bash", "--norc", "-c", script, cwd=self.work).stdout, wanted + "\n", line)

    def test_fish(self):
        self.assertEqual(run("fish", "-n", self.fish).stderr, "")
        for words, wanted in COMPLETED + COMPLETED_AT:
            line = " ".join(["mrun", *(w.replace(" ", "\\ ") for w in words)])
            got = run("fish", "--no-config", "-c", f'source "{self.fish}"; complete -C "{line}"', cwd=self.work, env={**self.env, "HOME": str(self.root)})
            offered = {row.split("\t")[0] for row in got.stdout.splitlines()}
            self.assertEqual(offered, wanted, (words, got.stderr))

    def test_zsh(self):
        self.assertEqual(run("zsh", "-n", self.zsh).stderr, "")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.work)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**self.env, "TERM": "dumb", "HOME": str(self.root), "PS1": "> ", "COLUMNS": "200"})
        try:
            self.typed(terminal, f'fpath=("{self.zsh.parent}" $fpath); autoload -Uz compinit; compinit -u -D; bindkey "^X" list-choices; '
                                 "bindkey '^Y' complete-word; setopt nobeep; print rea''dy\n", r"ready\r[^>]*> $")
            for i, (words, wanted) in enumerate(COMPLETED + COMPLETED_AT):
                line = " ".join(["mrun", *(w.replace(" ", "\\ ") for w in words)])
                # The list of several, the only one completed; then the line goes, and what comes after it says that all was shown.
                shown = self.typed(terminal, f"{line}\x18\x19\x15print do''ne {i}\n", rf"done {i}\r[^>]*> $")
                for word in wanted:
                    self.assertIn(word, shown, words)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)

    def typed(self, terminal, text, until):
        """Types, and reads until a pattern is there."""
        os.write(terminal, text.encode())
        seen, end = "", time.monotonic() + 240
        while not re.search(until, seen):
            self.assertLess(time.monotonic(), end, seen)
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace")
                seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
        return seen


if __name__ == "__main__":
    unittest.main()
