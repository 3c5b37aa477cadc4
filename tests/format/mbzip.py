"""The .mb container in Python, written from core/bundle/FORMAT.md alone: a writer and a strict reader.

A second opinion for the tests: what the two writers make must be equal to the byte, and what one reader refuses the
other must refuse.
"""
import hashlib
import json
import re
import struct
import zlib

LOCAL, CENTRAL, END, END64, LOCATOR = 0x04034B50, 0x02014B50, 0x06054B50, 0x06064B50, 0x07064B50
ONES16, ONES32 = 0xFFFF, 0xFFFFFFFF
FORMAT = b"mrun-bundle 1\n"
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Refused(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Refused(why)


def good_name(name):
    parts = name.split("/")
    return len(name) <= 255 and len(parts) <= 16 and all(PART.match(p) and not p.endswith(".") for p in parts)


def is_weights(name):
    return name.startswith("model/") and name.endswith((".safetensors", ".pt"))


def order(name):
    ranks = {"format": 0, "bundle.lock": 3, "bundle.sig": 4}
    return ranks.get(name, 1 if is_weights(name) else 2), name.encode()


def check_names(names):
    files, folders = set(), set()
    for name in names:
        need(good_name(name), f"{name!r}: not a portable name")
        low = name.lower()
        need(low not in files, f"{name}: twice, or differs in case only")
        files.add(low)
        folders.update(low[:i] for i, c in enumerate(low) if c == "/")
    need(not files & folders, "a file and a folder of one name")


def local_header(name, size, crc, offset):
    align = 4096 if is_weights(name.decode()) else 64
    wide = struct.pack("<HHQQ", 1, 16, size, size) if size >= ONES32 else b""
    pad = -(offset + 30 + len(name) + len(wide) + 6) % align
    extra = wide + struct.pack("<HHH", 0xD935, 2 + pad, align) + bytes(pad)
    short = min(size, ONES32)
    return struct.pack("<IHHHHHIIIHH", LOCAL, 45 if wide else 10, 0, 0, 0, 0x21, crc, short, short, len(name),
                       len(extra)) + name + extra


def central_header(name, size, crc, offset):
    wide = ([size, size] if size >= ONES32 else []) + ([offset] if offset >= ONES32 else [])
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    short = min(size, ONES32)
    return struct.pack("<IHHHHHHIIIHHHHHII", CENTRAL, 3 << 8 | 45, 45 if wide else 10, 0, 0, 0, 0x21, crc, short, short,
                       len(name), len(extra), 0, 0, 0, 0o100644 << 16, min(offset, ONES32)) + name + extra


def end_records(count, size, offset):
    wide = b""
    if count >= ONES16 or size >= ONES32 or offset >= ONES32:
        wide = struct.pack("<IQHHIIQQQQ", END64, 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)
        wide += struct.pack("<IIQI", LOCATOR, 0, offset + size, 1)
    short = min(count, ONES16)
    return wide + struct.pack("<IHHHHIIH", END, 0, 0, short, short, min(size, ONES32), min(offset, ONES32), 0)


def canonical(value):
    return (json.dumps(value, sort_keys=True, indent=1) + "\n").encode()


def make_lock(entries, **more):
    listed = {n: {"size": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in entries.items()}
    lock = {"format": 1, "script": 1, "entries": listed, "operations": [], "packed_with": {},
            "revision": {"number": 1, "parent": None, "message": ""}}
    return canonical(lock | more)


def earlier_lock(kept, following):
    """The bytes of a lock from what history/locks/ keeps of it and the bytes of the one after it."""
    kept, following = json.loads(kept), json.loads(following)
    lock = following | kept | {"entries": following["entries"] | kept["entries"]}
    lock["entries"] = {name: entry for name, entry in lock["entries"].items() if entry is not None}
    return canonical({key: value for key, value in lock.items() if value is not None})


def write(entries, **more):
    """The bytes of a bundle of these entries (name -> bytes)."""
    entries = {"format": FORMAT} | entries
    check_names(entries)
    entries["bundle.lock"] = make_lock(entries, **more)
    file, directory = bytearray(), bytearray()
    for name in sorted(entries, key=order):
        data, offset = entries[name], len(file)
        directory += central_header(name.encode(), len(data), zlib.crc32(data), offset)
        file += local_header(name.encode(), len(data), zlib.crc32(data), offset) + data
    return bytes(file + directory + end_records(len(entries), len(directory), len(file)))


def read(data):
    """name -> bytes of every entry; raises Refused."""
    need(len(data) >= 22, "too short")
    record = struct.unpack("<IHHHHIIH", data[-22:])
    need(record[0] == END and record[7] == 0, "no end record at the end")
    count, size, offset = record[4:7]
    end = len(data) - 22
    if count == ONES16 or size == ONES32 or offset == ONES32:
        need(end >= 76, "no ZIP64 record")
        end -= 76
        count, size, offset = struct.unpack("<QQQ", data[end + 32:end + 56])
    need(count <= 1 << 20 and size <= 64 << 20, "too many entries")
    need(size <= end and offset == end - size and 47 * count <= size, "directory does not end at the end record")
    need(data[end:] == end_records(count, size, offset), "end record")
    directory, at, position, entries, previous = data[offset:end], 0, 0, {}, None
    for _ in range(count):
        need(len(directory) - at >= 46, "central header cut off")
        fixed = struct.unpack_from("<IHHHHHHIIIHHHHHII", directory, at)
        name_size, extra_size = fixed[10:12]
        need(1 <= name_size <= 255 and extra_size <= 28 and len(directory) - at - 46 >= name_size + extra_size, "lengths")
        raw = directory[at + 46:at + 46 + name_size]
        extra = directory[at + 46 + name_size:at + 46 + name_size + extra_size]
        need(raw.isascii() and good_name(raw.decode()), "name")
        name, crc, length, header = raw.decode(), fixed[7], fixed[9], fixed[16]
        wide = (2 if length == ONES32 else 0) + (header == ONES32)
        if wide:
            need(len(extra) == 4 + 8 * wide, "ZIP64 field")
            numbers = struct.unpack(f"<{wide}Q", extra[4:])
            length = numbers[0] if length == ONES32 else length
            header = numbers[-1] if header == ONES32 else header
        whole = central_header(raw, length, crc, header)
        need(directory[at:at + 46 + name_size + extra_size] == whole, "central header")
        need(previous is None or order(previous) < order(name), "order")
        need(header == position < offset, "hole or overlap")
        local = local_header(raw, length, crc, header)
        need(len(local) <= offset - header and data[header:header + len(local)] == local, "local header")
        start = header + len(local)
        need(length <= offset - start, "payload passes the directory")
        position, at, previous = start + length, at + len(whole), name
        entries[name] = data[start:position]
        if name == "bundle.sig":
            need(length <= 64 << 20 and zlib.crc32(entries[name]) == crc, "signature damaged")
        elif name == "bundle.lock" or not is_weights(name):
            need(zlib.crc32(entries[name]) == crc, f"{name}: CRC")
    need(at == len(directory) and position == offset, "bytes left over")
    check_names(entries)
    need(entries.get("format") == FORMAT, "format")
    check_lock(entries)
    return entries


def check_lock(entries):
    need("bundle.lock" in entries, "no lock")
    try:
        lock = json.loads(entries["bundle.lock"])
    except ValueError as error:
        raise Refused("lock is not JSON") from error
    need(canonical(lock) == entries["bundle.lock"], "lock is not canonical")
    need(set(lock) - {"models"} == {"format", "script", "entries", "operations", "packed_with", "revision"}, "keys of the lock")
    for model in lock.get("models", {"": {"backend": "", "methods": []}}).values():
        need(set(model) == {"backend", "methods"}, "a model of the lock")
    need(lock["format"] == 1, "format of the lock")
    need(set(lock["entries"]) == set(entries) - {"bundle.lock", "bundle.sig"}, "lock and directory differ")
    for name, entry in lock["entries"].items():
        need(set(entry) == {"size", "sha256"} and DIGEST.match(entry["sha256"]), "entry of the lock")
        need(entry["size"] == len(entries[name]), f"{name}: size")
        if not is_weights(name):
            need(entry["sha256"] == hashlib.sha256(entries[name]).hexdigest(), f"{name}: hash")
