"""The audio plugin against torchaudio, and against what its own files and sines must be."""
import io
import os
import re
import struct
import subprocess
import tempfile
import unittest

import numpy
import soundfile
import torch
import torchaudio

import mpeg
from tolerance import TOLERANCE

CLI = os.environ["AUDIO_CLI"]


def call(*args, samples=None):
    given = b"" if samples is None else numpy.asarray(samples, dtype=numpy.float32).tobytes()
    run = subprocess.run([CLI, *map(str, args)], input=given, capture_output=True, check=False)
    if run.returncode:
        raise ValueError(run.stderr.decode())
    return run.stdout


def floats(*args, samples=None):
    return numpy.frombuffer(call(*args, samples=samples), dtype=numpy.float32)


def speech_like(seconds, rate=16000, seed=1):
    """Voiced and unvoiced parts, loud and silent ones."""
    rng = numpy.random.default_rng(seed)
    t = numpy.arange(int(seconds * rate)) / rate
    tone = sum(numpy.sin(2 * numpy.pi * 120 * k * t + rng.random()) / k for k in range(1, 30))
    loud = numpy.clip(numpy.sin(2 * numpy.pi * 1.7 * t) + 0.3, 0, 1)
    return (0.1 * loud * tone + 0.01 * rng.standard_normal(t.size) + 0.0001 * rng.standard_normal(t.size)).astype(numpy.float32)


class Decode(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        rng = numpy.random.default_rng(2)
        self.waves = [(rng.uniform(-1, 1, (channels, n)).astype(numpy.float32), rate)
                      for channels, n, rate in ((1, 8000, 8000), (2, 44100, 44100), (2, 1, 16000), (6, 999, 48000))]

    def decode(self, path):
        head, samples = call("decode", path).split(b"\n", 1)
        channels, frames, rate = map(int, head.split())
        return numpy.frombuffer(samples, dtype=numpy.float32).reshape(frames, channels).T, rate

    def test_wav_and_flac(self):
        formats = [("wav", "PCM_U8", 2 ** -7), ("wav", "PCM_16", 2 ** -15), ("wav", "PCM_24", 2 ** -23), ("wav", "PCM_32", 1e-7),
                   ("wav", "FLOAT", 0), ("flac", "PCM_16", 2 ** -15), ("flac", "PCM_24", 2 ** -23)]
        for wave, rate in self.waves:
            for extension, encoding, step in formats:
                with self.subTest(extension=extension, encoding=encoding, shape=wave.shape):
                    path = os.path.join(self.folder, "x." + extension)
                    soundfile.write(path, wave.T, rate, encoding)
                    got, got_rate = self.decode(path)
                    self.assertEqual(got_rate, rate)
                    numpy.testing.assert_allclose(got, wave, rtol=0, atol=step)
                    self.assertTrue((got == soundfile.read(path, dtype="float32", always_2d=True)[0].T).all())

    def test_torchaudio_reads_the_same(self):
        path = os.path.join(self.folder, "x.wav")
        soundfile.write(path, self.waves[1][0].T, 44100, "PCM_16")
        numpy.testing.assert_array_equal(self.decode(path)[0], torchaudio.load(path)[0].numpy())

    def test_ogg(self):
        path = os.path.join(self.folder, "x.ogg")
        for encoding, rate in (("VORBIS", 16000), ("OPUS", 48000)):
            wave = speech_like(1, rate)
            soundfile.write(path, wave, rate, encoding)
            got, got_rate = self.decode(path)
            self.assertEqual((got_rate, got.shape), (rate, (1, rate)))
            self.assertTrue((got[0] == soundfile.read(path, dtype="float32")[0]).all())
            self.assertGreater(numpy.corrcoef(got[0], wave)[0, 1], 0.9)

    def test_lies_and_other_kinds(self):
        path = os.path.join(self.folder, "x.wav")
        soundfile.write(path, self.waves[0][0].T, 8000, "PCM_16")
        with open(path, "rb") as file:
            good = file.read()
        data = good.index(b"data") + 4
        longer = good[:data] + (0x7ffffff0).to_bytes(4, "little") + good[data + 4:]
        piped = good[:data] + b"\xff\xff\xff\xff" + good[data + 4:]
        flac = os.path.join(self.folder, "x.flac")
        soundfile.write(flac, self.waves[1][0].T, 44100, "PCM_16")
        with open(flac, "rb") as file:
            short_flac = file.read()[:20000]
        for name, content, message in (("longer", longer, "are there"), ("cut", good[:3000], "are there"), ("head", good[:data], "audio"),
                                       ("text", b"RIFF of text", "no sound"), ("empty", b"", "is empty"), ("zeros", bytes(1000), "no sound"),
                                       ("flac", short_flac, "audio")):
            with self.subTest(name):
                with open(path, "wb") as file:
                    file.write(content)
                with self.assertRaisesRegex(ValueError, message):
                    self.decode(path)
        with open(path, "wb") as file:
            file.write(piped)
        self.assertEqual(self.decode(path)[0].shape, (1, 8000))


    def test_every_kind_of_libsndfile(self):
        """Samples equal to soundfile's; a file whose end is missing is an error, where its header has a length."""
        without_length = {"IRCAM", "PAF", "PVF", "XI"}
        path = os.path.join(self.folder, "x")
        t = numpy.arange(3001)
        wave = numpy.stack([0.3 * numpy.sin(t / 10), 0.2 * numpy.sin(t / 23)], 1)
        tried = 0
        for container in sorted(set(soundfile.available_formats()) - {"SD2"}):  # it would write a second file, "._", here
            for encoding in soundfile.available_subtypes(container):
                for channels in (1, 2):
                    try:
                        out = io.BytesIO()
                        soundfile.write(out, wave[:, :channels], 8000, encoding, format=container)
                        content = out.getvalue()
                        want, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
                    except (AssertionError, RuntimeError, TypeError, ValueError):
                        continue  # not to be written so, or not without its file's name
                    with self.subTest(container, encoding=encoding, channels=channels):
                        tried += 1
                        got, got_rate = self.decoded(path, content)
                        self.assertEqual((got_rate, got.shape), (rate, want.T.shape))
                        if container == "SDS":  # the last packet: test_a_last_block_that_is_not_full
                            got, want = got[:, :-60], want[:-60]
                        # mpg123 chooses its arithmetic by the processor and by who asks.
                        numpy.testing.assert_allclose(got, want.T, rtol=0, atol=1e-6 if container == "MP3" else 0)
                        if container in without_length:
                            continue
                        for cut in (len(content) // 20, len(content) // 2, len(content) * 9 // 10):
                            with self.assertRaisesRegex(ValueError, "audio: "):
                                self.decoded(path, content[:-cut])
        self.assertGreater(tried, 150)

    def decoded(self, path, content):
        with open(path, "wb") as file:
            file.write(content)
        return self.decode(path)

    def written(self, seconds=1, rate=16000, container="WAV", encoding="PCM_16"):
        out = io.BytesIO()
        soundfile.write(out, speech_like(seconds, rate), rate, encoding, format=container)
        return out.getvalue()

    def test_lengths_that_writers_into_a_pipe_leave(self):
        path = os.path.join(self.folder, "x")
        good = self.written()
        data = good.index(b"data") + 4
        left = len(good) - data - 4
        for claim in (0, 0x7ffff000, 0x7fffffff, 0x80000000, 2_000_000_000, 0xffffffff, 0xffffffff - 36, left + 1):
            with self.subTest(hex(claim)):
                changed = good[:data] + claim.to_bytes(4, "little") + good[data + 4:]
                self.assertEqual(self.decoded(path, changed)[0].shape, (1, 16000))
        for claim in (left + 2, left + 100, 0x7fff0000, 0x70000000):
            with self.subTest(hex(claim)), self.assertRaisesRegex(ValueError, "bytes of samples, but"):
                self.decoded(path, good[:data] + claim.to_bytes(4, "little") + good[data + 4:])
        empty = good[:data] + bytes(4)
        self.assertEqual(self.decoded(path, empty)[0].shape, (1, 0))
        self.assertEqual(self.decoded(path, empty + b"LIST\x04\0\0\0INFO")[0].shape, (1, 0))

    def test_a_tag_before_it(self):
        path = os.path.join(self.folder, "x")
        plain = b"ID3\4\0\0\0\0\1\0" + bytes(128)
        with_footer = b"ID3\4\0\x10\0\0\1\0" + bytes(128) + b"3DI\4\0\x10\0\0\1\0"
        for container in ("FLAC", "WAV", "OGG", "MP3"):
            with self.subTest(container):
                content = self.written(1, 16000, container, soundfile.default_subtype(container))
                for tag in (plain, with_footer):
                    self.assertTrue((self.decoded(path, tag + content)[0] == self.decoded(path, content)[0]).all())

    def test_mpeg_in_a_wav(self):
        """Its number of frames is an estimate, as that of MPEG alone is."""
        path = os.path.join(self.folder, "x")
        content = self.written(1, 16000, "MP3", "MPEG_LAYER_III")
        head = struct.pack("<HHIIHH", 0x55, 1, 16000, 4000, 1, 0) + struct.pack("<HHIHHH", 12, 1, 2, 144, 1, 1393)
        body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"fact" + struct.pack("<II", 4, 99999) + b"data" + struct.pack("<I", len(content))
        wav = b"RIFF" + struct.pack("<I", len(body) + len(content)) + body + content
        want = soundfile.read(io.BytesIO(wav), dtype="float32")[0]
        self.assertGreater(want.size, 15000)
        numpy.testing.assert_allclose(self.decoded(path, wav)[0][0], want, rtol=0, atol=1e-6)
        with self.assertRaisesRegex(ValueError, "the WAV says"):
            self.decoded(path, wav[:-300])

    def test_mpeg_of_several_bit_rates_that_does_not_say_how_long_it_is(self):
        """libsndfile takes the first frame's length for that of all, and ends early where most are shorter."""
        path = os.path.join(self.folder, "x")
        for rate, channels in ((8000, 1), (22050, 2), (44100, 1), (48000, 2)):
            wave = numpy.zeros((2 * rate, channels))
            wave[:rate] = numpy.random.default_rng(rate).normal(size=(rate, channels)) / 5
            for order in (wave, wave[::-1]):
                with self.subTest(rate=rate, channels=channels, loud_first=order is wave):
                    content = io.BytesIO()
                    soundfile.write(content, order, rate, "MPEG_LAYER_III", format="MP3")
                    said, begins = content.getvalue(), mpeg.begins(content.getvalue())
                    silent = said[begins[1]:]
                    want, got = self.decoded(path, said)[0], self.decoded(path, silent)[0]
                    per_frame, delay = 1152 if rate >= 32000 else 576, 529 + 576  # of mpg123 and of LAME
                    self.assertEqual(got.shape, (channels, per_frame * (len(begins) - 1)))
                    numpy.testing.assert_allclose(got[:, delay:delay + want.shape[1]], want, rtol=0, atol=1e-6)
                    other = soundfile.read(io.BytesIO(silent), dtype="float32", always_2d=True)[0].T
                    numpy.testing.assert_allclose(got[:, :other.shape[1]], other, rtol=0, atol=1e-6)
                    for begin in (begins[4], begins[9]):  # within what frames take from those before
                        cut, alone = self.decoded(path, said[begin:])[0], soundfile.read(io.BytesIO(said[begin:]), dtype="float32", always_2d=True)[0].T
                        self.assertEqual(cut.shape[1], per_frame * (len(begins) - begins.index(begin)))
                        numpy.testing.assert_allclose(cut[:, :alone.shape[1]], alone, rtol=0, atol=1e-6)
                    tagged = silent[:begins[3] - begins[1]] + b"TAG" + bytes(125) + b"ID3\4" + bytes(5) + b"\x0a" + bytes(10) + silent[begins[3] - begins[1]:]
                    self.assertEqual(self.decoded(path, tagged)[0].shape, got.shape)
                    footed = tagged.replace(b"ID3\4" + bytes(5) + b"\x0a" + bytes(10), b"ID3\4\0\x10" + bytes(3) + b"\x0a" + bytes(10) + b"3DI\4\0\x10" + bytes(3) + b"\x0a")
                    self.assertEqual(self.decoded(path, footed)[0].shape, got.shape)

    def test_streams_behind_each_other(self):
        """libsndfile reads the first, and says nothing of the others."""
        path = os.path.join(self.folder, "x")
        mp3, flac = self.written(1, 16000, "MP3", "MPEG_LAYER_III"), self.written(1, 16000, "FLAC", "PCM_16")
        begins, tag, id3 = mpeg.begins(mp3), b"TAG" + bytes(125), b"ID3\4" + bytes(5) + b"\x0a" + bytes(10)
        silent = mp3[begins[1]:]
        for content, told in [(mp3 * 2, "a second stream of MPEG audio follows"), (mp3 + tag + mp3, "a second stream"), (mp3 + id3 + mp3, "a second stream"),
                              (mp3 + bytes(300) + mp3, "a second stream"), (silent + mp3, "a second stream"), (mp3 + silent, r"says that it has \d+ frames, but \d+ are there"),
                              (flac * 2, "a second FLAC stream follows the first; wanted one")]:
            with self.assertRaisesRegex(ValueError, told):
                self.decoded(path, content)
        want = self.decoded(path, mp3)[0]
        for content in (mp3 + tag, mp3 + bytes(500), mp3 + mp3[begins[5]:begins[6]]):
            numpy.testing.assert_array_equal(self.decoded(path, content)[0], want)

    def test_mpg123_says_nothing(self):
        path = os.path.join(self.folder, "x")
        with open(path, "wb") as file:
            file.write(self.written(1, 16000, "MP3", "MPEG_LAYER_III") + bytes(1000))
        run = subprocess.run([CLI, "decode", path], capture_output=True, check=True)
        self.assertEqual(run.stderr, b"")

    def test_voc_whose_block_is_longer_than_it_says(self):
        """As sox writes them."""
        path = os.path.join(self.folder, "x")
        good = self.written(1, 8000, "VOC", "PCM_16")
        at = good.index(b"\x1a", 19) + 7
        self.assertEqual(good[at], 9)
        size = int.from_bytes(good[at + 1:at + 4], "little")
        other = good[:at + 1] + (size - 8).to_bytes(3, "little") + good[at + 4:]
        self.assertTrue((self.decoded(path, other)[0] == self.decoded(path, good)[0]).all())
        with self.assertRaisesRegex(ValueError, "the VOC says"):
            self.decoded(path, other[:-500])

    def test_a_last_block_that_is_not_full(self):
        """libsndfile itself reads zeros or nothing of it."""
        path = os.path.join(self.folder, "x")
        for n in (1, 39, 40, 41, 121, 16385):  # SDS of 16 bits: 40 samples a packet, each in three bytes of 7 bits, the highest first
            values = numpy.random.default_rng(n).integers(-32768, 32768, n)
            raw = b"".join((int(v) + 32768 << 5).to_bytes(3, "big") for v in values)
            bits = numpy.unpackbits(numpy.frombuffer(raw, numpy.uint8).reshape(n, 3), axis=1)[:, 3:]
            sevens = numpy.packbits(numpy.pad(bits.reshape(n, 3, 7), ((0, 0), (0, 0), (1, 0))), axis=2).tobytes()
            packets = [sevens[at:at + 120].ljust(120, b"\0") for at in range(0, len(sevens), 120)]
            sound = b"\xf0\x7e\0\1\0\0\x10\x48\x68\x07" + bytes([n & 127, n >> 7 & 127, n >> 14]) + bytes(6) + b"\x7f\xf7"
            for number, packet in enumerate(packets):
                body = b"\x7e\0\2" + bytes([number & 127]) + packet
                sound += b"\xf0" + body + bytes([numpy.bitwise_xor.reduce(list(body)) & 127]) + b"\xf7"
            numpy.testing.assert_array_equal(self.decoded(path, sound)[0][0], values / 32768)
        for channels in (1, 2):
            for n in (1, 10, 11, 16390):  # PAF of 24 bits: ten frames a block
                wave = numpy.random.default_rng(n).integers(-1 << 23, 1 << 23, (n, channels)) / (1 << 23)
                out = io.BytesIO()
                soundfile.write(out, wave, 8000, "PCM_24", format="PAF")
                got = self.decoded(path, out.getvalue())[0].T
                self.assertEqual(len(got), (n + 9) // 10 * 10)
                numpy.testing.assert_allclose(got[:n], wave, rtol=0, atol=1e-6)

    def test_damage_of_which_libsndfile_speaks_on_standard_output(self):
        path = os.path.join(self.folder, "x")
        dump, lossless = self.written(1, 8000, "SDS"), self.written(1, 8000, "CAF", "ALAC_16")
        second, table = 21 + 127, lossless.index(b"pakt") + 12 + 24
        with self.assertRaisesRegex(ValueError, f"the SDS is damaged: no packet begins at byte {second}"):
            self.decoded(path, dump[:second] + b"\0" + dump[second + 1:])
        with self.assertRaisesRegex(ValueError, "the CAF is damaged: its packet table has a length that does not end"):
            self.decoded(path, lossless[:table] + b"\xff" * 4 + lossless[table + 4:])

    def test_memory_that_ends_is_no_damaged_file(self):
        path = os.path.join(self.folder, "x")
        with open(path, "wb") as file:
            file.write(self.written(1, 16000, "FLAC", "PCM_16"))
        outcomes = set()
        for n in range(60):
            run = subprocess.run([CLI, "starved", str(n), path], capture_output=True, check=False)
            outcomes.add({0: "answered", 1: run.stderr.decode()}.get(run.returncode, "ended"))
        # "ended": libsndfile itself uses what it did not get.
        self.assertLessEqual(outcomes, {"answered", "ended", "std::bad_alloc\n"})

    def test_ogg_pages(self):
        path = os.path.join(self.folder, "x")
        one = self.written(2, 16000, "OGG", "VORBIS")
        first = self.decoded(path, one)[0]
        other = self.written(1, 16000, "OGG", "VORBIS")
        second = self.decoded(path, other)[0]
        joined = self.decoded(path, one + other)[0]
        self.assertTrue((joined == numpy.concatenate([first, second], 1)).all())
        with self.assertRaisesRegex(ValueError, "streams that differ"):
            self.decoded(path, one + self.written(1, 8000, "OGG", "VORBIS"))
        opus = self.written(1, 16000, "OGG", "OPUS")
        with self.assertRaisesRegex(ValueError, "2 Opus streams"):
            self.decoded(path, opus + opus)
        pages = [m.start() for m in re.finditer(b"OggS", one)]
        self.assertGreater(len(pages), 3)
        for at in pages[1:]:
            with self.assertRaisesRegex(ValueError, "cut short"):
                self.decoded(path, one[:at])
        with self.assertRaisesRegex(ValueError, "pages before byte .* are missing"):
            self.decoded(path, one[:pages[2]] + one[pages[3]:])
        damaged = bytearray(one)
        damaged[pages[-1] + 60] ^= 1
        with self.assertRaisesRegex(ValueError, "wrong checksum"):
            self.decoded(path, bytes(damaged))
        self.assertTrue((self.decoded(path, one + bytes(100))[0] == first).all())

    def test_foreign_kinds_are_named(self):
        path = os.path.join(self.folder, "x")
        for content, name in ((b"\0\0\0\x20ftypM4A " + bytes(50), "MP4 file"), (b"\x1a\x45\xdf\xa3" + bytes(50), "WebM"),
                              (b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG picture"), (b"#!AMR\n" + bytes(50), "AMR"),
                              (b"MThd" + bytes(50), "MIDI"), (b"OggS\0\2" + bytes(20) + b"\1\x30\x7fFLAC" + bytes(43), "OGG"), (b"RIFF\0\0\0\0WEBP" + bytes(50), "WebP"), (b"%PDF-1.4", "PDF")):
            with self.subTest(name), self.assertRaisesRegex(ValueError, name):
                self.decoded(path, content)


class Resample(unittest.TestCase):
    def test_sinc_as_torchaudio(self):
        for n, old, new, width, rolloff in ((16000, 16000, 8000, 6, 0.99), (4410, 44100, 16000, 6, 0.99), (1000, 8000, 11025, 16, 0.9),
                                            (777, 22050, 24000, 6, 0.99), (5, 48000, 8000, 6, 0.99), (3000, 3, 2, 64, 0.95),
                                            (100, 16000, 16000, 6, 0.99)):
            with self.subTest(f"{old} to {new}"):
                x = speech_like(n / 16000)[:n]
                want = torchaudio.functional.resample(torch.from_numpy(x).double(), old, new, lowpass_filter_width=width, rolloff=rolloff)
                got = floats("sinc", old, new, width, rolloff, samples=x)
                self.assertEqual(got.size, want.numel())
                numpy.testing.assert_allclose(got, want.numpy(), rtol=0, atol=1e-6)

    def test_length_is_torchaudios(self):
        for n, old, new in ((1, 1, 1), (1000, 16000, 8000), (12345, 44100, 16000), (7, 8000, 48000), (0, 8000, 16000)):
            got = floats("resample", old, new, "very_high", samples=numpy.zeros(n))
            self.assertEqual(got.size, -(-n * new // old))

    def test_the_last_result_is_none_but_silence(self):
        rng = numpy.random.default_rng(3)
        for n, old, new in ((50, 44100, 16000), (22051, 44100, 16000), (1001, 48000, 44100), (3, 24000, 11025), (10, 48000, 8000)):
            x = rng.uniform(-1, 1, n)
            for quality in ("very_high", "high", "medium", "low"):
                got = floats("resample", old, new, quality, samples=x)
                longer = floats("resample", old, new, quality, samples=numpy.concatenate([x, numpy.zeros(20)]))
                numpy.testing.assert_allclose(got, longer[:got.size], rtol=0, atol=1e-6)
        # A tone of 1 kHz cut off, beside torchaudio's filter: what lay between the last two samples counts.
        x = numpy.cos(2 * numpy.pi * 1000 * numpy.arange(50) / 44100)
        want = torchaudio.functional.resample(torch.from_numpy(x), 44100, 16000).numpy()
        self.assertLess(abs(floats("resample", 44100, 16000, "very_high", samples=x) - want)[-1], 0.1)

    def test_sines(self):
        for old, new in ((44100, 16000), (16000, 44100), (48000, 16000), (8000, 16000), (22050, 24000)):
            for hertz in (100, 440, 3000):
                t_old, t_new = numpy.arange(old) / old, numpy.arange(new) / new
                for quality, tolerance in (("very_high", 1e-6), ("high", 1e-5), ("medium", 1e-4), ("low", 1e-3)):
                    if hertz > 1000 and quality in ("low", "medium"):
                        continue  # these begin to fall off well below half the lower rate
                    got = floats("resample", old, new, quality, samples=numpy.sin(2 * numpy.pi * hertz * t_old))
                    middle = slice(new // 8, -new // 8)  # the ends see the silence around
                    error = numpy.abs(got - numpy.sin(2 * numpy.pi * hertz * t_new))[middle].max()
                    self.assertLess(error, tolerance, (old, new, hertz, quality))

    def test_near_torchaudio(self):
        x = speech_like(2)
        want = torchaudio.functional.resample(torch.from_numpy(x), 16000, 8000, lowpass_filter_width=256, rolloff=0.95).numpy()
        got = floats("resample", 16000, 8000, "very_high", samples=x)
        self.assertLess(numpy.sqrt(numpy.mean((got - want) ** 2)) / numpy.sqrt(numpy.mean(want ** 2)), 0.05)  # the filters differ near 4 kHz


class Spectra(unittest.TestCase):
    def near(self, got, want):
        want = want.double().numpy().reshape(-1)
        self.assertEqual(got.size, want.size)
        # Relative to each value, and to the loudest for those that cancel.
        numpy.testing.assert_allclose(got, want, rtol=TOLERANCE, atol=1e-9 * max(1, abs(want).max()))

    def test_spectrogram(self):
        x = speech_like(1.3)
        for n_fft, win, hop, power, center, reflect in ((400, 400, 200, 2, 1, 1), (512, 400, 160, 2, 1, 1), (400, 400, 160, 1, 0, 1),
                                                        (1024, 1000, 256, 2, 1, 0), (30, 30, 7, 0.5, 1, 1), (2, 2, 1, 2, 1, 1), (8, 1, 4, 2, 1, 1), (882, 882, 441, 2, 1, 1)):
            want = torchaudio.transforms.Spectrogram(n_fft, win, hop, power=power, center=bool(center),
                                                     pad_mode="reflect" if reflect else "constant").double()(torch.from_numpy(x).double())
            self.near(floats("spectrogram", n_fft, win, hop, power, center, reflect, samples=x), want)

    def test_mel_filters(self):
        for n_freqs, n_mels, rate, low, high, slaney, norm in ((201, 80, 16000, 0, 8000, 1, 1), (201, 128, 16000, 0, 8000, 0, 0),
                                                               (513, 64, 44100, 20, 16000, 0, 1), (257, 40, 22050, 0, 11025, 1, 0)):
            want = torchaudio.functional.melscale_fbanks(n_freqs, low, high, n_mels, rate, "slaney" if norm else None, "slaney" if slaney else "htk")
            got = floats("filters", n_freqs, n_mels, rate, low, high, slaney, norm)
            numpy.testing.assert_allclose(got, want.numpy().reshape(-1), rtol=0, atol=TOLERANCE)

    def test_mel_spectrogram(self):
        for seed in range(3):
            x = speech_like(1.1, seed=seed)
            for n_fft, win, hop, n_mels, slaney in ((400, 400, 200, 128, 0), (400, 400, 160, 80, 1), (1024, 1024, 512, 64, 0)):
                transform = torchaudio.transforms.MelSpectrogram(16000, n_fft, win, hop, n_mels=n_mels, norm="slaney" if slaney else None,
                                                                 mel_scale="slaney" if slaney else "htk")
                want = torch.log(transform.double()(torch.from_numpy(x).double()) + 1e-6)
                got = numpy.log(floats("mel", 16000, n_fft, win, hop, n_mels, 0, 8000, slaney, slaney, samples=x) + 1e-6)
                numpy.testing.assert_allclose(got, want.numpy().reshape(-1), rtol=0, atol=TOLERANCE)

    def test_log_mel_as_whisper(self):
        for n_mels in (80, 128):
            for x in (speech_like(3), speech_like(0.5, seed=4), numpy.zeros(1600, numpy.float32)):
                window = torch.hann_window(400)
                power = torch.stft(torch.from_numpy(x).double(), 400, 160, window=window.double(), return_complex=True)[..., :-1].abs() ** 2
                filters = torchaudio.functional.melscale_fbanks(201, 0, 8000, n_mels, 16000, "slaney", "slaney").T.double()
                log = torch.clamp(filters @ power, min=1e-10).log10()
                want = (torch.maximum(log, log.max() - 8) + 4) / 4
                got = floats("log_mel", n_mels, samples=x)
                numpy.testing.assert_allclose(got, want.numpy().reshape(-1), rtol=0, atol=TOLERANCE)

    def test_refusals(self):
        for args in ((401, 401, 100), (400, 500, 100), (400, 400, 0), (2 * 1009, 10, 10), (4000, 4000, 100)):
            with self.assertRaises(ValueError):
                call("spectrogram", *args, 2, 1, 1, samples=numpy.zeros(100))


if __name__ == "__main__":
    unittest.main()
