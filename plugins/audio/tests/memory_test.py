"""What libsndfile and its codecs take from the system while they decode is charged before they are asked, or refused."""
import io
import os
import struct
import subprocess
import tempfile
import unittest

import numpy
import soundfile

import mpeg
import ogg

CLI = os.environ["AUDIO_CLI"]
MOST = 64 << 20  # that a header may ask for


def written(container, encoding, channels=1, rate=8000, frames=4000, quality=None):
    wave = 0.1 * numpy.random.default_rng(3).standard_normal((frames, channels))
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", rate, channels, encoding, format=container) as file:
        if quality is not None:
            set_quality = 0x1300  # SFC_SET_VBR_ENCODING_QUALITY
            assert soundfile._snd.sf_command(file._file, set_quality, soundfile._ffi.new("double *", quality), 8) == 1
        file.write(wave)
    return out.getvalue()


def flac(*blocks):
    """A FLAC without frames; blocks: type, content, and the length that it says."""
    stream = struct.pack(">HH", 4096, 65535) + bytes(6) + (8000 << 44 | 7 << 41 | 15 << 36).to_bytes(8, "big") + bytes(16)
    out = b"fLaC"
    for kind, content, length in ((0, stream, len(stream)), *blocks, (1 | 128, bytes(4), 4)):
        out += bytes([kind]) + length.to_bytes(3, "big") + content
    return out


def id3(length, content=b""):
    return b"ID3\4\0\0" + bytes(length >> shift & 127 for shift in (21, 14, 7, 0)) + content


class Memory(unittest.TestCase):
    def counted(self, content):
        """The most bytes that were charged and taken, and the error."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            run = subprocess.run([CLI, "counted", file.name], capture_output=True, text=True, check=False)
        self.assertIn(run.returncode, (0, 1), run)
        charged, taken = map(int, run.stdout.split())
        return charged, taken, run.stderr if run.returncode else ""

    def covered(self, content):
        charged, taken, error = self.counted(content)
        self.assertEqual(error, "")
        self.assertLess(taken, charged)

    def refused(self, content, message):
        charged, taken, error = self.counted(content)
        self.assertIn(message, error)
        self.assertEqual(charged, 0)
        self.assertLess(taken, 1 << 20)

    def test_every_kind_is_charged_for(self):
        for container in sorted(set(soundfile.available_formats()) - {"SD2"}):
            for encoding in soundfile.available_subtypes(container):
                for channels in (1, 2, 8):
                    try:
                        content = written(container, encoding, channels)
                        soundfile.read(io.BytesIO(content))
                    except (AssertionError, RuntimeError, TypeError, ValueError):
                        continue  # not to be written so, or not without its file's name
                    with self.subTest(container, encoding=encoding, channels=channels):
                        self.covered(content)

    def test_what_vorbis_encoders_write_is_read(self):
        for rate in (8000, 16000, 22050, 44100, 96000):
            for channels in (1, 2, 6):
                for quality in (0.0, 0.4, 1.0):
                    with self.subTest(rate=rate, channels=channels, quality=quality):
                        self.covered(written("OGG", "VORBIS", channels, rate, quality=quality))

    def test_large_vorbis_headers_are_charged_for(self):
        for given in ([[(32768,)] * 30], [[(32768, 8, 3)] * 20], [[(1024, 500, 1)] * 20]):
            self.covered(ogg.vorbis(*given[0]))
        self.covered(ogg.vorbis((32768, 15), residues=8, partitions=2))
        self.covered(ogg.vorbis((16,), channels=64))

    def test_vorbis_headers_that_ask_for_gigabytes(self):
        for books in ([(1 << 22,)], [(1 << 22,)] * 256, [(1 << 16, 8, 4)] * 256):  # the first one alone overran the stack
            self.refused(ogg.vorbis(*books), f"a Vorbis codebook of {books[0][0]} entries; wanted at most 32768")
        for content in (ogg.vorbis(*[(32768,)] * 256), ogg.vorbis(*[(16384, 300, 1)] * 30), ogg.vorbis((32768, 15), residues=64, partitions=2)):
            self.assertLess(len(content), 4000)
            self.refused(content, f"bytes; wanted at most {MOST}")

    def test_vorbis_headers_that_are_damaged(self):
        good = ogg.vorbis((16, 2, 4), (1024,))
        begins = [at for at in range(len(good)) if good.startswith(b"OggS", at)]
        packets = [good[at + 28:][:good[at + 27]] for at in begins]  # each of less than 255 bytes, on a page of its own
        self.assertEqual(ogg.pages(packets, 64), good)
        errors = set()
        for at in range(8, len(packets[2])):
            setup = bytearray(packets[2])
            setup[at] ^= 0x5a
            charged, taken, error = self.counted(ogg.pages([*packets[:2], bytes(setup), *packets[3:]], 64))
            self.assertLess(taken, max(charged, 1 << 20))
            errors.add(error[:46])
        self.assertIn("audio: the OGG's Vorbis setup header is damage", errors)

    def test_flac_metadata_that_is_not_there(self):
        for kind in (2, 3, 4, 5, 6, 100):
            self.refused(flac((kind, b"abcd", 0xfffffc)), "the FLAC says that it has 16777212 bytes of metadata at byte 42, but 12 are there")
        self.covered(flac((4, struct.pack("<II", 0, 100000), 8)))  # comments
        self.refused(flac((4 | 128, struct.pack("<II", 0, 100001), 8), (3, b"", 0xffffff)), "100001 comments")
        self.covered(flac((4, struct.pack("<II", 0, 100000) + bytes(400000), 400008)))

    def test_tags_between_frames(self):
        sound = written("MP3", "MPEG_LAYER_III", frames=20000)
        frames = sound[mpeg.begins(sound)[1]:]  # without the one that says how many there are
        text = b"TIT2" + bytes(500000 >> shift & 127 for shift in (21, 14, 7, 0)) + b"\0\0\0" + b"\xff" * 499999
        self.covered(frames + id3(len(text), text) + frames)

    def test_channels_that_are_not_there(self):
        alac = written("CAF", "ALAC_16")
        self.refused(alac[:44] + struct.pack(">I", 1024) + alac[48:], "1024 channels; wanted 1 to 64")
        at, data = alac.index(b"pakt"), alac.index(b"data")
        table = alac[at + 12:at + 36] + b"\1" * 1_000_000  # packets of a byte
        charged, taken, _ = self.counted(alac[:at] + b"pakt" + struct.pack(">Q", len(table)) + table + alac[data:])
        self.assertLess(taken, charged)


if __name__ == "__main__":
    unittest.main()
