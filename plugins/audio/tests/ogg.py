"""OGG files with Vorbis streams by hand, for headers that no encoder writes."""
import struct


def _crc_table():
    table = []
    for i in range(256):
        r = i << 24
        for _ in range(8):
            r = (r << 1 ^ 0x04c11db7 if r & 1 << 31 else r << 1) & 0xffffffff
        table.append(r)
    return table


CRC = _crc_table()


class Bits:
    """Numbers of some bits each, the lowest bit first."""

    def __init__(self, head=b""):
        self.value, self.count = int.from_bytes(head, "little"), 8 * len(head)

    def add(self, *pairs):
        for value, width in pairs:
            self.value |= value << self.count
            self.count += width
        return self

    def bytes(self):
        return self.value.to_bytes((self.count + 7) // 8, "little")


def pages(packets, granule):
    """One stream of these packets, each on pages of its own."""
    out = b""
    sequence = 0
    for n, packet in enumerate(packets):
        lacing, begin, continued = [255] * (len(packet) // 255) + [len(packet) % 255], 0, 0
        while lacing:
            part, lacing = lacing[:255], lacing[255:]
            end = begin + sum(part)
            last = not lacing and n == len(packets) - 1
            flags = continued | 2 * (sequence == 0) | 4 * last
            page = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", granule if last else 0, 7, sequence, 0) + bytes([len(part), *part]) + packet[begin:end]
            crc = 0
            for byte in page:
                crc = crc << 8 & 0xffffffff ^ CRC[crc >> 24 ^ byte]
            out += page[:22] + struct.pack("<I", crc) + page[26:]
            sequence, begin, continued = sequence + 1, end, 1
    return out


def book(bits, entries, dimensions=1, values=None):
    """A codebook of 2^n entries, all of n bits: in as few bytes as can be. values: of a lattice, their number."""
    length = entries.bit_length() - 1
    bits.add((0x564342, 24), (dimensions, 16), (entries, 24), (1, 1), (length - 1, 5), (entries, entries.bit_length()))
    if values is None:
        return bits.add((0, 4))
    return bits.add((1, 4), (0, 32), (0x60100000, 32), (0, 4), (0, 1), *[(1, 1)] * values)


def vorbis(*books, channels=1, residues=1, partitions=1):
    """A file of 64 samples of silence; books: what book() is given. All residues use the first one."""
    setup = Bits(b"\5vorbis").add((len(books) - 1, 8))
    for given in books:
        book(setup, *given)
    setup.add((0, 6), (0, 16))  # times
    setup.add((0, 6), (1, 16), (0, 5), (0, 2), (1, 4))  # a floor
    setup.add((residues - 1, 6))
    for _ in range(residues):
        setup.add((2, 16), (0, 24), (128, 24), (0, 24), (partitions - 1, 6), (0, 8), *[(0, 4)] * partitions)
    setup.add((0, 6), (0, 16), (0, 1), (0, 1), (0, 2), (0, 8), (0, 8), (0, 8))  # a mapping
    setup.add((0, 6), (0, 1), (0, 16), (0, 16), (0, 8), (1, 1))  # a mode
    first = b"\1vorbis" + struct.pack("<IBIiii", 0, channels, 8000, 0, 0, 0) + b"\xb8\1"  # blocks of 256 and 2048
    comments = b"\3vorbis" + struct.pack("<I", 0) + struct.pack("<I", 0) + b"\1"
    return pages([first, comments, setup.bytes(), b"\0", b"\0"], 64)
