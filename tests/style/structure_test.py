"""The structure of core: rooms that stand one above the other, small knots, and sources declared in headers of their own name."""
import os
import pathlib
import re
import unittest

CORE = pathlib.Path(os.environ["MRUN_SOURCE"]) / "core"
SCRIPT_ROOMS = ["vm", "bridge", "lua", "modules", "state"]  # of core/script, from below: no arrow climbs
MOST_IN_A_KNOT = 4
WITH_ROOMS = ["exec", "script"]
PUBLIC = ["mrun.h", "plugin.h", "types.h"]
# Folders whose sources are all declared in headers of their own name.
DECLARED = ["base", "script"]


def units(folder):
    """unit ("vm/heap") of a folder of core -> the units of the folder that its header and source include."""
    return included_units(CORE / folder, folder + "/")


def included_units(folder, prefix=""):
    """The same of any folder; prefix: of its headers where they are included."""
    found = {}
    for f in folder.rglob("*"):
        if f.suffix in {".h", ".cpp"}:
            name = f.relative_to(folder).with_suffix("").as_posix()
            found.setdefault(name, set()).update(re.findall(rf'#include "{prefix}([^"]*)\.h"', f.read_text()))
    return found


def outside_classes(text):
    """Full names of the classes that a source or header defines outside unnamed namespaces."""
    spaces = []
    for line in text.splitlines():
        opened = re.match(r"namespace ?([\w:]*) ?\{$", line)
        defined = re.match(r'(?:class|struct|enum class) (?:CAPABILITY\("\w+"\) )?(\w+)(?: final)?(?: : [^;]*)? ?\{', line)
        if opened:
            spaces.append(opened[1])
        elif line.startswith("}  // namespace"):
            spaces.pop()
        elif defined and "" not in spaces:
            yield "::".join([*spaces, defined[1]])


def knots(graph):
    """Sets of units that reach each other."""
    reach = {u: set(graph[u]) for u in graph}
    for middle in graph:
        for u in graph:
            if middle in reach[u]:
                reach[u] |= reach[middle]
    return {frozenset(v for v in reach[u] if u in reach.get(v, ())) for u in graph if u in reach[u]}


def rooms(graph):
    """The same of rooms: a folder's own folders, and its units that lie in none."""
    collapsed = {}
    for unit, included in graph.items():
        room = unit.split("/")[0]
        collapsed.setdefault(room, set()).update({other.split("/")[0] for other in included} - {room})
    return collapsed


def outside_functions(source):
    """Names of the functions that a source defines for others, as clang-format writes them."""
    text = re.sub(r"^namespace \{$.*?^\}  // namespace$", "", source, flags=re.S | re.M)
    heads = re.findall(r"^(?=\w)(?!static|template|using|#|//|\}|extern|struct|class|enum|const |constexpr)[\w:<>,&*\[\] ]+?[ *&]"
                       r"((?:\w+::)*~?\w+)\([^;]*?\)[^;=]*?\{", text, flags=re.M)
    return {h.split("::")[0] for h in heads}


# How clang-format writes what has a name.
NAMED = [r"using (\w+) =",
         r"(?:struct|class|enum class|enum|union) (?:CAPABILITY\(\"\w+\"\) )?(\w+)\b",
         r"[\w:<>,&*\[\]. ]*?[ *&](\w+)\(",  # a function, or what is initialized so
         r"(?:\w+ )*[\w:<>,&* ]+?[ *&](\w+)(?:\[[^\]]*\])?(?: = |\{|;)"]  # a constant or a variable
UNNAMED = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", flags=re.S | re.M)


def names(text):
    """Of types, functions, constants and variables that begin a line."""
    found = set()
    for line in text.splitlines():
        if re.match(r"[A-Za-z\[]", line) and not re.match(r"(?:using \w+(?:::\w+)*;|template|namespace|extern|static_assert|public|private|friend|case)\b", line):
            match = next((m for m in (re.match(form, line) for form in NAMED) if m), None)
            found |= {match[1]} if match else set()
    return found


def own_names(source):
    """What a source keeps to itself, in unnamed namespaces or `static`; but for aliases, which may be alike."""
    text = "\n".join(UNNAMED.findall(source) + re.findall(r"^static (.*)", source, flags=re.M))
    return names(re.sub(r"^using .*", "", text, flags=re.M))


def libraries():
    """(sources, headers) that a release may compile together: a folder of the core, the torch plugin. Headers: those of what it
    links, too."""
    links = {}
    for f in CORE.glob("*/CMakeLists.txt"):
        if library := re.search(r"mrun_core\((\w+) (.*)\)", f.read_text()):
            links[library[1]] = re.findall(r"mrun_(\w+)", library[2])

    def below(name):
        return {name}.union(*(below(n) for n in links[name] if n in links))

    for name in links:
        headers = {h for folder in below(name) for h in (CORE / folder).rglob("*.h")}
        yield sorted(f for f in (CORE / name).rglob("*.cpp") if not {"examples", "worker"} & set(f.parts)), headers
    torch = CORE.parent / "plugins/torch"
    yield sorted(torch.glob("*.cpp")), set(torch.glob("*.h"))


class Structure(unittest.TestCase):
    def test_no_arrow_climbs_in_script(self):
        rank = {room: i for i, room in enumerate(SCRIPT_ROOMS)}
        for unit, included in units("script").items():
            for other in included:
                self.assertLessEqual(rank[other.split("/")[0]], rank[unit.split("/")[0]], f"{unit} includes {other}")

    def test_rooms_stand_one_above_the_other(self):
        for folder in WITH_ROOMS:
            for knot in knots(rooms(units(folder))):
                self.assertEqual(len(knot), 1, f"core/{folder}: {sorted(knot)} include each other")

    def test_knots_are_small(self):
        for folder in (f.name for f in CORE.iterdir() if f.is_dir() and f.name != "include"):
            for knot in knots(units(folder)):
                self.assertLessEqual(len(knot), MOST_IN_A_KNOT, f"core/{folder}: {sorted(knot)}")
        plugins = [f for f in (CORE.parent / "plugins").iterdir() if f.is_dir()]
        for folder in [CORE.parent / "tools/mrun", *plugins, *(f / "lib" for f in plugins if (f / "lib").is_dir())]:
            for knot in knots(included_units(folder)):
                self.assertLessEqual(len(knot), MOST_IN_A_KNOT, f"{folder}: {sorted(knot)}")

    def test_the_public_c_headers_stay_a_manual_that_can_be_read(self):
        lines = sum(len((CORE / "include/mrun" / name).read_text().splitlines()) for name in PUBLIC)
        self.assertLessEqual(lines, 800)

    def test_no_two_classes_have_one_name(self):
        """The linker would take one's functions for both."""
        found = {}
        for folder in (f for f in CORE.iterdir() if f.is_dir() and f.name != "include"):
            for f in folder.rglob("*"):
                if f.suffix in {".h", ".cpp"} and "examples" not in f.parts:
                    for name in outside_classes(f.read_text()):
                        self.assertFalse(name in found, f"{name}: in {f} and in {found.get(name)}")
                        found[name] = f
        self.assertGreater(len(found), 100)

    def test_helpers_have_names_of_their_own(self):
        """Compiled together, one would be taken for another file's overload."""
        self.assertEqual(own_names("namespace {\nstruct A {\n  int n;\n};\nconstexpr const char *b[] = {};\nsize_t c = 0, unread;\n"
                                   "[[noreturn]] void d(const char *x) {\n  e(x);\n}\nint F::g(int) {\n}\nusing H = A;\n}  // namespace\n"
                                   "int i() {}\nstatic bool k(int x);\n"), {"A", "b", "c", "d", "k"})
        count = 0
        for sources, headers in libraries():
            found = {name: h for h in headers for name in names(h.read_text())}
            for source in sources:
                own = own_names(source.read_text())
                for name in own:
                    self.assertFalse(name in found, f"{name}: in {source} and in {found.get(name)}")
                found |= dict.fromkeys(own, source)
                count += len(own)
        self.assertGreater(count, 1000)

    def test_no_source_is_longer_than_600_lines(self):
        for folder in (CORE, CORE.parent / "plugins", CORE.parent / "tools"):
            for f in folder.rglob("*"):
                if f.suffix in {".h", ".hpp", ".cpp", ".c"}:
                    self.assertLessEqual(len(f.read_text().splitlines()), 600, f)

    def test_sources_are_declared_in_headers_of_their_name(self):
        for folder in DECLARED:
            for source in (CORE / folder).rglob("*.cpp"):
                header = source.with_suffix(".h")
                self.assertTrue(header.exists(), source)
                for name in outside_functions(source.read_text()):
                    self.assertRegex(header.read_text(), rf"\b{name}\b", f"{source}: {name}")


if __name__ == "__main__":
    unittest.main()
