"""A lossless WebP by hand, for what no encoder writes."""
import struct


def many_codes(groups):
    """256 x 256 pixels of one colour in blocks of 4 x 4, each with a group of prefix codes of its own up to so many, which all are alike."""
    out = []

    def add(value, width):
        out.append(f"{value:0{width}b}"[::-1] if width else "")

    def one_symbol():
        add(0b0001, 4)  # a simple code, of the symbol 0

    def bytes_alone(alphabet):
        """A code of 8 bits for each of the first 256 symbols, and of none for the others."""
        add(0, 1)
        add(8, 4)  # lengths of twelve code lengths follow: of 8 and of many zeros, one bit each
        for symbol in (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8):
            add(symbol in (8, 18), 3)
        add(0, 1)
        add(0, 256)
        if alphabet > 256:
            add(1 | alphabet - 256 - 11 << 1, 8)

    for value, width in ((0x2f, 8), (255, 14), (255, 14), (0, 1), (0, 3), (0, 1), (0, 1), (1, 1), (0, 3), (0, 1)):
        add(value, width)
    bytes_alone(280)
    bytes_alone(256)
    for _ in range(3):
        one_symbol()
    for block in range(64 * 64):
        group = min(block, groups - 1)
        out.append(f"{group & 255:08b}{group >> 8:08b}")  # of a code the highest bit is first
    out.append("1000" * 5 * groups + "0" * 64)
    bits = "".join(out)
    bits += "0" * (-len(bits) % 16)
    stream = int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(stream)) + b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream


def many_transforms(count):
    """64 x 64 pixels, and a predictor so many times, of which there is one at most."""
    transform = "100" + "000" + "0" + "1000" * 5
    bits = "".join(f"{value:0{width}b}"[::-1] for value, width in ((0x2f, 8), (63, 14), (63, 14), (0, 1), (0, 3))) + transform * count
    bits += "0" * (-len(bits) % 16)
    stream = int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(stream)) + b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream
