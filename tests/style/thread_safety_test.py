"""Which lock guards what, as the sources say it (core/base/thread_annotations.h), checked by clang."""
import re
import subprocess
import unittest

import sources

CORE = sources.SOURCE / "core"
MARK = re.compile(r"\b(GUARDED_BY|REQUIRES)\(")
# What threads share: their sources are held to say which lock guards it.
WANTED = {"bundle/bundle", "exec/engine/alone", "exec/engine/engine", "exec/engine/room", "exec/engine/usage", "exec/engine/worker",
          "exec/statistics",
          "isolate/remote/delivery", "isolate/remote/follow", "isolate/remote/group", "isolate/remote/keeper", "isolate/remote/session", "isolate/worker/server",
          "plugin/code", "plugin/registry", "script/vm/shared_store"}
WRONG = """
#include "base/mutex.h"
struct Count {
  mrun::Mutex mutex;
  int n GUARDED_BY(mutex) = 0;
  void add() { ++n; }
};
"""


def needed(words):
    """Of a compiler's words those that a source's includes need."""
    words, kept = iter(words), []
    for word in words:
        if word == "-isystem":
            kept += [word, next(words)]
        elif word.startswith(("-I", "-D")):
            kept.append(word)
    return kept


def included(file):
    """The headers of the core that a source includes itself."""
    return {CORE / name for name in re.findall(r'^#include "([^"]+)"', file.read_text(), flags=re.M)}


def check(arguments, text=None):
    run = subprocess.run(["clang++", "-std=c++20", "-x", "c++", "-fsyntax-only", "-Wno-everything", "-Wthread-safety", "-Werror", *arguments],
                         input=text, capture_output=True, text=True)
    return run.returncode, run.stderr


class ThreadSafety(sources.Alone):
    def test_what_is_annotated_holds(self):
        marked = {f for f in CORE.rglob("*") if f.suffix in {".h", ".cpp"} and f.name != "thread_annotations.h" and MARK.search(f.read_text())}
        own = {file for file in self.commands if CORE in file.parents and (file in marked or marked & included(file))}
        names = {str(f.relative_to(CORE).with_suffix("")) for f in own}
        self.assertLessEqual(WANTED, names)
        for file in sorted(own):
            with self.subTest(file=file.name):
                code, text = check([*needed(self.commands[file]), str(file)])
                self.assertEqual(code, 0, text[:4000])

    def test_all_locks_of_the_core_can_be_checked(self):
        for f in CORE.rglob("*"):
            own = {"include", "examples"} & set(f.relative_to(CORE).parts) or f.name == "mutex.h"
            if f.suffix in {".h", ".cpp"} and not own:
                self.assertNotRegex(f.read_text(), r"\bstd::(mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock)\b", f)

    def test_what_does_not_hold_is_found(self):
        code, text = check([f"-I{CORE}", "-"], WRONG)
        self.assertNotEqual(code, 0)
        self.assertIn("requires holding mutex 'mutex'", text)


if __name__ == "__main__":
    unittest.main()
