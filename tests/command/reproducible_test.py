"""The same folder packed elsewhere gives the same bytes: another user, place, time zone, locale, umask, file times, order of files
on the disk, number of cores."""
import hashlib
import os
import shutil
import subprocess
import unittest

from command import GOOD_BAD_UGLY, MRUN, NOBODY, Case


class Reproducible(Case):
    def elsewhere(self, folder):
        """The folder copied in another order, with other times and modes, to a place with an awkward name."""
        place = folder / "größe und Ort"
        for source in sorted(GOOD_BAD_UGLY.rglob("*"), reverse=True):
            target = place / "b" / source.relative_to(GOOD_BAD_UGLY)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o600)
            os.utime(target, (1, 86400 * 365 * 80))
        return place

    def packed_as_another(self, mrun, place, *more):
        """Runs mrun with everything about the process different."""
        locales = place.parent / "locales"
        locales.mkdir()
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"], capture_output=True, text=True)
        self.assertIn(made.returncode, (0, 1), made.stderr)  # 1: with warnings
        self.assertTrue((locales / "de_DE.UTF-8/LC_NUMERIC").exists(), made.stderr)
        env = {"PATH": os.environ["PATH"], "LOCPATH": str(locales), "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "TZ": "Asia/Kathmandu",
               "HOME": "/nonexistent", "HOSTNAME": "elsewhere", "USER": "somebody", "LOGNAME": "somebody", "SOURCE_DATE_EPOCH": "1"}
        if os.getuid() == 0:
            for path in [place, *place.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        done = self.as_another("sh", "-c", 'umask 077; exec "$0" "$@"', "taskset", "1", mrun, *more, cwd=place, env=env)
        shutil.rmtree(locales)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def digest(self, path):
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def test_pack_and_commit(self):
        path, readme = self.dir / "x.mb", "one line more\n"
        here = self.dir / "here"
        shutil.copytree(GOOD_BAD_UGLY, here)
        self.run_here("pack", here, "-o", path)
        first = self.digest(path)
        (here / "README.md").write_text(readme)
        self.run_here("commit", path, here, "-m", "second")
        second = self.digest(path)
        folder, mrun = self.public()
        place = self.elsewhere(folder)
        self.packed_as_another(mrun, place, "pack", "b", "-o", "y.mb")
        self.assertEqual(self.digest(place / "y.mb"), first)
        (place / "b/README.md").write_text(readme)
        self.packed_as_another(mrun, place, "commit", "y.mb", "b", "-m", "second")
        self.assertEqual(self.digest(place / "y.mb"), second)

    def run_here(self, *args):
        done = subprocess.run([MRUN, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
