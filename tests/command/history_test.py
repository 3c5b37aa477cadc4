"""A long history: what lists and opens it costs what the revisions differ by, not the square of their number."""
import bisect
import hashlib
import json
import os
import subprocess
import sys
import unittest

from command import MRUN, SOURCE, Case, mrun

sys.path.insert(0, str(SOURCE / "tests/format"))
import mbzip

TOML = b'[bundle]\nname = "long"\n[input]\nkind = "text"\n'
SCRIPTS = [b"return function(x) return %d end\n" % i for i in range(2)]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def entry_text(name, size, digest):
    return f'  "{name}": {{\n   "sha256": "{digest}",\n   "size": {size}\n  }}'


def history(revisions):
    """The bytes of a bundle of so many revisions, in which preprocess.lua changes each time, made without asking mrun."""
    entries = {"format": mbzip.FORMAT, "bundle.toml": TOML}
    names, texts = [], {}

    def put(name, data):
        if name not in texts:
            bisect.insort(names, name)
        texts[name] = entry_text(name, len(data), sha256(data))

    for name, data in entries.items():
        put(name, data)
    put("history/objects/" + sha256(SCRIPTS[1]), SCRIPTS[1])  # kept from the first on, which does no harm
    entries["history/objects/" + sha256(SCRIPTS[1])] = SCRIPTS[1]
    parent = None
    for number in range(1, revisions + 1):
        script = SCRIPTS[number % 2]
        put("preprocess.lua", script)
        revision = {"number": number, "parent": parent, "message": f"revision {number}"}
        rest = json.dumps({"format": 1, "operations": [], "packed_with": {}, "revision": revision, "script": 1}, sort_keys=True, indent=1)[2:]
        lock = ('{\n "entries": {\n' + ",\n".join(texts[n] for n in names) + "\n },\n" + rest + "\n").encode()
        parent = sha256(lock)
        if number < revisions:
            name = f"history/locks/{number}.lock"
            kept = {"entries": {name: None, "preprocess.lua": {"size": len(script), "sha256": sha256(script)}}, "revision": revision}
            entries[name] = mbzip.canonical(kept)
            put(name, entries[name])
    entries["preprocess.lua"] = SCRIPTS[revisions % 2]
    entries["bundle.lock"] = lock
    file, directory = bytearray(), bytearray()
    for name in sorted(entries, key=mbzip.order):
        data, offset = entries[name], len(file)
        directory += mbzip.central_header(name.encode(), len(data), mbzip.zlib.crc32(data), offset)
        file += mbzip.local_header(name.encode(), len(data), mbzip.zlib.crc32(data), offset) + data
    return bytes(file + directory + mbzip.end_records(len(entries), len(directory), len(file)))


class LongHistory(Case):
    def cost(self, *args):
        """Processor seconds and the peak of memory in bytes."""
        child = subprocess.Popen([MRUN, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        self.assertEqual(status, 0, err)
        child.stdout.close()
        child.stderr.close()
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out

    def test_the_log_grows_with_its_length(self):
        costs = {}
        for revisions in (250, 2000):
            path = self.dir / f"{revisions}.mb"
            path.write_bytes(history(revisions))
            costs[revisions] = self.cost("log", path, "--json")
            log = json.loads(costs[revisions][2])
            self.assertEqual([r["number"] for r in log], list(range(revisions, 0, -1)))
            self.assertEqual([c["path"] for c in log[0]["changes"]], ["preprocess.lua"])
            self.assertEqual(mrun(f"{path}@1", "x").stdout, "1\n")
            self.assertEqual(mrun(f"{path}@{log[-2]['digest'][:12]}", "x").stdout, "0\n")
        (few, small, _), (many, large, _) = costs[250], costs[2000]
        # Eight times as many: the square would be 64 times the time.
        self.assertLess(many, 24 * max(few, 0.05), costs)
        self.assertLess(large, 200 << 20)
        self.assertEqual(mrun("verify", self.dir / "2000.mb", "--hashes").returncode, 0)

    def test_a_lock_far_back_that_was_exchanged_is_found(self):
        data = history(300)
        entries = mbzip.read(data)
        other = json.loads(entries["history/locks/3.lock"])
        other["revision"]["message"] = "another "[:len(other["revision"]["message"])]
        forged = mbzip.canonical(other)
        self.assertNotEqual(forged, entries["history/locks/3.lock"])
        lock = json.loads(entries["bundle.lock"])
        lock["entries"]["history/locks/3.lock"] = {"size": len(forged), "sha256": sha256(forged)}
        entries["history/locks/3.lock"], entries["bundle.lock"] = forged, mbzip.canonical(lock)
        file, directory = bytearray(), bytearray()
        for name in sorted(entries, key=mbzip.order):
            content, offset = entries[name], len(file)
            directory += mbzip.central_header(name.encode(), len(content), mbzip.zlib.crc32(content), offset)
            file += mbzip.local_header(name.encode(), len(content), mbzip.zlib.crc32(content), offset) + content
        path = self.dir / "forged.mb"
        path.write_bytes(bytes(file + directory + mbzip.end_records(len(entries), len(directory), len(file))))
        self.assertEqual(mrun(path, "x").returncode, 0)
        for args in (("log", path), (f"{path}@3", "x"), (f"{path}@1", "x")):
            self.refused(3, *args, contains=["history/locks/", "is not the one that revision", "names as its parent"])
        self.assertNotEqual(mrun("verify", path, "--hashes").returncode, 0)


if __name__ == "__main__":
    unittest.main()
