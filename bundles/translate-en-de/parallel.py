#!/usr/bin/env python3
"""Gathers English sentences and their German translations from Debian packages: program messages and package descriptions.

    /usr/bin/python3 parallel.py FOLDER     (Debian 12: apt-get, dpkg, python3; about a gigabyte to download, ten minutes)

Writes FOLDER/train.tsv, dev.tsv and held-out.tsv, English, tab, German on each line. Of pairs with the same English or the same German,
letter case, punctuation and digits aside, one is kept; the part that it goes to is a hash of its English. What was downloaded stays
in FOLDER/packages and is used again.
"""
import bz2
import collections
import gettext
import hashlib
import lzma
import pathlib
import re
import subprocess
import sys
import urllib.request

PACKAGES = """
    cryptsetup dpkg e2fsprogs-l10n epiphany-browser-data evolution-common file-roller findutils freeciv-data gcc-12-locales
    geany-common gedit-common gettext gimp-data git glom gnome-builder gnome-control-center-data gnome-shell-common gnome-software-common
    gnubg-data gnucash-common gnumeric-common gnupg-l10n gramps grisbi-common grub-common gutenprint-locales homebank-data inkscape k3b-i18n
    kate5-data kdenlive-data kdepim-runtime kdeplasma-addons-data kdevelop-l10n kgeography-data kile-l10n kmail kmymoney-common konsole
    korganizer krita-l10n kstars-data ktorrent-data kwin-data libc-l10n libgphoto2-l10n libgtk-3-common libgtk-4-common libgtk2.0-common
    libglib2.0-data libreoffice-l10n-de lokalize lynx-common lyx-common mate-control-center-common mc-data meld mercurial-common mutt nano
    nautilus-data network-manager-gnome okular pan parley-data pidgin-data plasma-desktop-data plasma-workspace-data pluma-common poedit-common
    postgresql-15 postgresql-client-15 procps rhythmbox-data shotwell-common skrooge-common step subtitleeditor subversion synaptic
    system-config-printer-common tar tellico-data texinfo thunar-data tortoisehg util-linux-locales vim-runtime vlc-l10n weechat-core
    wesnoth-1.16-data wget widelands-data wxmaxima xfce4-settings xkb-data
""".split()
DESCRIPTIONS = "http://deb.debian.org/debian/dists/bookworm/main/i18n/Translation-"
LONGEST = 300  # characters


def fetch(folder):
    """The catalogues of all packages, and the two lists of descriptions."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if (folder / package).is_dir():
            continue
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        deb = next(folder.glob(f"{package}_*.deb"))
        (folder / "part").mkdir(exist_ok=True)
        subprocess.run(f"dpkg-deb --fsys-tarfile {deb.name} | tar -x -C part --wildcards --no-anchored '*/de/LC_MESSAGES/*.mo' 2>/dev/null",
                       shell=True, cwd=folder)
        (folder / "part").rename(folder / package)
        deb.unlink()
    for name in ["en.xz", "de.bz2"]:
        if not (folder / name).exists():
            urllib.request.urlretrieve(DESCRIPTIONS + name, folder / name)


def catalogue_pairs(path):
    with open(path, "rb") as file:
        try:
            catalog = gettext.GNUTranslations(file)._catalog
        except (OSError, UnicodeError):  # not in UTF-8
            return
    for key, german in catalog.items():
        english, form = key if isinstance(key, tuple) else (key, 1)
        if form <= 1 and english:  # of a message with plural forms: gettext tells the singular's text alone
            yield english.rsplit("\x04", 1)[-1], german


def descriptions(text):
    """By package and checksum: the short description, then the paragraphs that are running text."""
    found = {}
    for entry in text.split("\n\n"):
        head = re.match(r"Package: (\S+)\nDescription-md5: (\S+)\nDescription-..: (.*)\n?", entry)
        if head:
            body = re.split(r"\n \.\n", entry[head.end():])
            found[head[1], head[2]] = [head[3]] + ["" if re.search(r"^ [ *-]", p, re.M) else p for p in body]
    return found


def description_pairs(folder):
    english = descriptions(lzma.open(folder / "en.xz", "rt", encoding="utf-8").read())
    german = descriptions(bz2.open(folder / "de.bz2", "rt", encoding="utf-8").read())
    for key, paragraphs in german.items():
        if key in english and len(english[key]) == len(paragraphs):
            yield from zip(english[key], paragraphs)


def sentences(text):
    return re.split(r"(?<=[.!?]) +(?=[A-ZÄÖÜ])", text)


def parts(english, german):
    """The pair's paragraphs, and of these the sentences, where both sides have as many."""
    pairs = [re.split(r"\n\s*\n", side.strip()) for side in (english, german)]
    if len(pairs[0]) != len(pairs[1]):
        return
    for e, g in zip(*pairs):
        e, g = " ".join(e.split()), " ".join(g.split())
        both = sentences(e), sentences(g)
        yield from zip(*both) if len(both[0]) == len(both[1]) else [(e, g)]


def cleaned(english, german):
    """Without the marks of shortcut keys; None where it is no sentence, or no translation."""
    for mark in "_&~":
        if english.count(mark) <= 1 and german.count(mark) <= 1:
            pattern = rf"\s*\({mark}\w\)|{mark}(?=\w)"
            english, german = re.sub(pattern, "", english), re.sub(pattern, "", german)
    for side in (english, german):
        letters = sum(ch.isalpha() or ch == " " for ch in side)
        if not 2 <= len(side) <= LONGEST or letters < 0.7 * len(side) or re.search(r"[<>{}|\\\x00-\x1f@=]|--|&\w+;", side):
            return None
    ratio = len(german) / len(english)
    if english == german or not 1 / 3 < (len(german) + 10) / (len(english) + 10) < 2.5 or ratio > 8:
        return None
    return english, german


def key_of(text):
    return " ".join(re.sub(r"[\W\d_]+", " ", text.lower()).split())


def distinct(counts):
    """Of pairs with the same English, then of those with the same German, the one that comes most often."""
    seen = [set(), set()]
    for pair, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        keys = [key_of(side) for side in pair]
        if not all(keys) or any(key in s for key, s in zip(keys, seen)):
            continue
        for key, s in zip(keys, seen):
            s.add(key)
        yield keys[0], pair


def part_of(key):
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 200
    return "held-out" if number == 0 else "dev" if number == 1 else "train"


def main():
    folder = pathlib.Path(sys.argv[1])
    fetch(folder / "packages")
    counts = collections.Counter()
    for path in sorted((folder / "packages").rglob("*.mo")):
        counts.update(filter(None, (cleaned(*p) for pair in catalogue_pairs(path) for p in parts(*pair))))
    counts.update(filter(None, (cleaned(*p) for pair in description_pairs(folder / "packages") for p in parts(*pair))))
    lines = collections.defaultdict(list)
    for key, pair in distinct(counts):
        lines[part_of(key)].append("\t".join(pair) + "\n")
    for name, some in lines.items():
        (folder / f"{name}.tsv").write_text("".join(some), encoding="utf-8")
        print(f"{name}: {len(some)} pairs, {sum(map(len, some))} characters")


if __name__ == "__main__":
    main()
