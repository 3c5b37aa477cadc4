"""The module audio as scripts use it, through the command: a bundle that turns sound files into Whisper's features, and bad files."""
import io
import os
import pathlib
import struct
import sys
import unittest

import numpy
import soundfile
import torch
import torchaudio

sys.path.insert(0, str(pathlib.Path(os.environ["MRUN_SOURCE"]) / "tests/command"))
from command import Case  # noqa: E402
from tolerance import TOLERANCE  # noqa: E402

FEATURES = """
local audio = require "audio"
return function(input)
  local x, rate = audio.decode(input)
  local y = audio.resample(x, rate, 16000)
  return {rate = rate, shape = {x:shape()}, features = audio.log_mel(y), mel = audio.mel_spectrogram(y, 16000, {n_mels = 40})}
end"""
DECODE = 'local audio = require "audio"\nreturn function(input) local x, rate = audio.decode(input) return {{x:shape()}, rate} end'


def sound(seconds, rate, channels=1):
    t = numpy.arange(int(seconds * rate)) / rate
    one = 0.3 * numpy.sin(2 * numpy.pi * 440 * t) * (t % 0.5) + 0.1 * numpy.sin(2 * numpy.pi * 1234 * t)
    return numpy.stack([one * (1 - 0.5 * c) for c in range(channels)]).astype(numpy.float32)


def file(wave, rate, container="WAV", encoding="PCM_16"):
    out = io.BytesIO()
    soundfile.write(out, wave.T, rate, encoding, format=container)
    return out.getvalue()


def wav(data, channels=1, rate=8000, bits=32, kind=3, claims=None):
    """A WAV with a header that need not be true; kind 3 is float, 1 integer."""
    width = channels * bits // 8
    head = b"fmt " + struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * width & 0xffffffff, width & 0xffff, bits)
    body = b"WAVE" + head + b"data" + struct.pack("<I", len(data) if claims is None else claims) + data
    return b"RIFF" + struct.pack("<I", len(body) & 0xffffffff) + body


def log_mel(samples):
    """Whisper's features of float64 samples at 16 kHz."""
    window = torch.hann_window(400).double()
    power = torch.stft(torch.from_numpy(samples).double(), 400, 160, window=window, return_complex=True)[..., :-1].abs() ** 2
    filters = torchaudio.functional.melscale_fbanks(201, 0, 8000, 80, 16000, "slaney", "slaney").T.double()
    log = torch.clamp(filters @ power, min=1e-10).log10()
    return ((torch.maximum(log, log.max() - 8) + 4) / 4).numpy()


class Audio(Case):
    def ask(self, script, *contents, status=0):
        folder = self.bundle(kind="audio", preprocess=script)
        paths = []
        for i, content in enumerate(contents):
            paths.append(self.dir / f"sound{i}")
            paths[-1].write_bytes(content)
        return self.answers(folder, *paths, status=status)

    def test_features_of_files(self):
        cases = [("WAV", "PCM_16", 16000, 1), ("WAV", "FLOAT", 16000, 2), ("FLAC", "PCM_24", 16000, 1), ("OGG", "VORBIS", 16000, 1)]
        files = [file(sound(0.6, rate, channels), rate, container, encoding) for container, encoding, rate, channels in cases]
        for content, (container, _, rate, channels), got in zip(files, cases, self.ask(FEATURES, *files)):
            with self.subTest(container, channels=channels):
                theirs = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].T
                self.assertEqual((got["rate"], got["shape"]), (rate, [channels, theirs.shape[1]]))
                features = numpy.array(got["features"])
                self.assertEqual(features.shape, (channels, 80, 60))
                for ours, samples in zip(features, theirs):
                    numpy.testing.assert_allclose(ours, log_mel(samples), rtol=0, atol=TOLERANCE)
                transform = torchaudio.transforms.MelSpectrogram(16000, n_mels=40).double()
                want = torch.log(transform(torch.from_numpy(theirs).double()) + 1e-6).numpy()
                numpy.testing.assert_allclose(numpy.log(numpy.array(got["mel"]) + 1e-6), want, rtol=0, atol=TOLERANCE)

    def test_a_file_that_is_not_opened_gets_its_own_reason(self):
        """libsndfile keeps the last reason of all threads: here others open their files meanwhile."""
        self.ask("return function() return 0 end", wav(bytes(400)), b"what is this?" * 10)
        (self.dir / "list").write_text(f"{self.dir}/sound0\n{self.dir}/sound1\n" * 20000)
        answers = self.answers(self.bundle(kind="audio", preprocess=DECODE), "--paths", self.dir / "list", "--workers", 8, status=1)
        self.assertEqual({str(a) for a in answers[::2]}, {"[[1, 100], 8000]"})
        (why,) = {a["error"]["message"] for a in answers[1::2]}
        self.assertIn("Format not recognised", why)

    def test_other_rates(self):
        files = [file(sound(0.5, rate), rate, container) for rate, container in ((44100, "FLAC"), (8000, "WAV"), (48000, "WAV"))]
        want = log_mel(sound(0.5, 16000)[0])
        for got in self.ask(FEATURES, *files):
            features = numpy.array(got["features"])[0]
            self.assertEqual(features.shape, (80, 50))
            error = numpy.abs(features - want)[:, 4:-4]  # the ends see the silence around
            self.assertLess(numpy.median(error), 0.02)

    def computed(self, call, wave, rate=16000):
        """What a call gives of the samples x."""
        script = f'local audio, torch = require "audio", require "torch"\nreturn function(input) local x, rate = audio.decode(input) return {call} end'
        (answer,) = self.ask(script, file(wave, rate, "WAV", "FLOAT"))
        return numpy.array(answer, numpy.float32)

    def near(self, got, want, tolerance):
        want = want.numpy()
        self.assertEqual(got.shape, want.shape)
        numpy.testing.assert_allclose(got, want, rtol=0, atol=tolerance)

    def test_mfcc_as_torchaudio(self):
        wave = sound(0.5, 16000, 2)
        x = torch.from_numpy(wave).double()
        for lua, python in (("", {}), (", {n_mfcc = 13, log_mels = true, n_fft = 512, hop_length = 160, n_mels = 40, f_min = 20}",
                                       dict(n_mfcc=13, log_mels=True, melkwargs=dict(n_fft=512, hop_length=160, n_mels=40, f_min=20))),
                            (", {n_mfcc = 20, norm = 'none', mel_norm = 'slaney', mel_scale = 'slaney'}",
                             dict(n_mfcc=20, norm=None, melkwargs=dict(norm="slaney", mel_scale="slaney")))):
            with self.subTest(lua):
                want = torchaudio.transforms.MFCC(16000, **python).double()(x)
                got = self.computed(f"audio.mfcc(x, rate{lua})", wave)
                self.assertEqual(got.shape, tuple(want.shape))
                numpy.testing.assert_allclose(got, want.numpy(), rtol=1e-6, atol=5e-3)

    def test_fbank_as_torchaudio(self):
        wave = sound(0.4, 16000)
        wave[0, :800] = 0  # silence: the least that a logarithm is taken of
        x = torch.from_numpy(wave).double() * 32768
        cases = [dict(), dict(num_mel_bins=80), dict(num_mel_bins=40, low_freq=100.0, high_freq=-400.0, window_type="hamming"),
                 dict(snip_edges=False, window_type="hanning", use_energy=True), dict(window_type="blackman", preemphasis_coefficient=0.0),
                 dict(window_type="rectangular", remove_dc_offset=False, use_power=False), dict(use_energy=True, raw_energy=False, htk_compat=True),
                 dict(round_to_power_of_two=False, frame_length=20.0, frame_shift=12.5), dict(subtract_mean=True, energy_floor=0.0, use_energy=True),
                 dict(use_log_fbank=False, num_mel_bins=8)]
        for options in cases:
            with self.subTest(str(options)):
                want = torchaudio.compliance.kaldi.fbank(x, **options)
                lua = ", ".join(f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in options.items())
                got = self.computed(f"audio.fbank(x[0] * 32768, rate{', {' + lua + '}' if lua else ''})", wave)
                self.assertEqual(got.shape, tuple(want.shape))
                numpy.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-3)

    def test_mono_and_rates(self):
        wave = sound(0.1, 16000, 2)
        numpy.testing.assert_allclose(self.computed("audio.mono(x)", wave), wave.mean(0), rtol=0, atol=1e-7)
        numpy.testing.assert_allclose(self.computed("audio.mono(x[1])", wave), wave[1], rtol=0, atol=0)
        want = torchaudio.functional.resample(torch.from_numpy(wave).double(), 16000, 11025)
        self.near(self.computed("audio.sinc_resample(x, rate, 11025)", wave), want, 1e-6)

    def test_a_filter_that_is_longer_than_the_sound(self):
        """torchaudio's would need 2 * 10^12 weights for this: of one result, by the definition, those that meet a sample."""
        wave, width, ratio = sound(0.1, 16000), 1024, 10_000_000
        cutoff = 0.011  # the lower rate of the two is 1
        at = numpy.arange(wave.shape[1]) / ratio * cutoff
        weights = numpy.sinc(at) * numpy.cos(numpy.pi * at / width / 2) ** 2 * cutoff / ratio
        want = numpy.array([[(wave[0] * weights).sum()]])
        got = self.computed(f"audio.sinc_resample(x, {ratio}, 1, {{lowpass_filter_width = {width}, rolloff = {cutoff}}})", wave)
        numpy.testing.assert_allclose(got, want, rtol=1e-4)

    def test_bad_files(self):
        good = file(sound(0.1, 8000), 8000)
        flac = file(sound(0.5, 16000), 16000, "FLAC")
        ogg = file(sound(0.5, 16000), 16000, "OGG", "VORBIS")
        nan = sound(0.1, 8000)[0]
        nan[123] = numpy.nan
        infinite = sound(0.1, 8000)[0]
        infinite[7] = -numpy.inf
        cases = {
            "a WAV that lies about its length": (wav(bytes(400), claims=0x7ffffff0), "says that it has 2147483632 bytes of samples, but 400"),
            "a WAV that was cut": (good[:-100], "bytes of samples, but"),
            "a WAV without samples": (good[:36], "has no samples"),
            "a FLAC that was cut": (flac[:len(flac) // 2], "audio.decode: "),
            "an OGG of its first bytes": (ogg[:40], "audio.decode: "),
            "NaN": (wav(nan.tobytes()), "frame 123 is not a finite number"),
            "infinity": (wav(infinite.tobytes()), "frame 7 is not a finite number"),
            "no channels": (wav(bytes(400), channels=0), "audio.decode: "),
            "65535 channels": (wav(bytes(4000), channels=65535, bits=8, kind=1), "audio.decode: "),
            "a rate of 0": (wav(bytes(400), rate=0), "audio.decode: "),
            "no bits": (wav(bytes(400), bits=0), "audio.decode: "),
            "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "this is a PNG picture; wanted sound"),
            "nothing": (b"", "the file is empty"),
        }
        answers = self.ask(DECODE, *[content for content, _ in cases.values()], status=1)
        for (name, (_, message)), answer in zip(cases.items(), answers):
            with self.subTest(name):
                error = answer["error"]
                self.assertEqual((error["code"], error["stage"]), ("INPUT", "preprocess"), error)
                self.assertIn(message, error["message"])

    def test_memory_follows_the_samples(self):
        """FLAC's silence takes no room: what it becomes counts against the item's memory before it is taken."""
        folder = self.bundle(kind="audio", preprocess=DECODE)
        path = self.dir / "silence.flac"
        path.write_bytes(file(numpy.zeros((8, 4_000_000), numpy.float32), 48000, "FLAC"))
        self.assertLess(path.stat().st_size, 4_000_000)
        (answer,) = self.answers(folder, path, "--memory", "64M", status=1)
        self.assertEqual(answer["error"]["code"], "QUOTA", answer)

    def test_many_filters(self):
        """They count against the item's memory before they are made."""
        script = 'local audio = require "audio"\nreturn function() return {audio.mel_filters(1048576, 4096, 16000):shape()} end'
        folder = self.bundle(kind="audio", preprocess=script)
        path = self.dir / "sound"
        path.write_bytes(file(sound(0.1, 8000), 8000))
        (answer,) = self.answers(folder, path, "--memory", "1G", status=1)
        self.assertEqual(answer["error"]["code"], "QUOTA", answer)

    def test_bad_arguments(self):
        cases = {
            "audio.resample(x, rate, 0)": "the rates are 8000 and 0; wanted 1 to 10000000",
            "audio.resample(x, rate, 0/0)": "want int",
            "audio.resample(x, 1, 100000)": "the rates are 1 and 100000; wanted less than 65536 times the other",
            "audio.resample(x, 65536, 1)": "the rates are 65536 and 1",
            "audio.resample(x, rate, 8000, {quality = 'best'})": "quality: wanted",
            "audio.mel_spectrogram(x, rate, {f_min = 0/0})": "are nan and 4000; wanted 0 <= f_min < f_max",
            "audio.mel_spectrogram(x, rate, {f_max = 1/0})": "are 0 and inf; wanted 0 <= f_min < f_max",
            "audio.spectrogram(x, {power = 0/0})": "power is nan; wanted a number above 0",
            "audio.spectrogram(x, {hop_length = 0})": "hop_length is 0; wanted at least 1",
            "audio.log_mel(x, 0)": "n_mels is 0",
            "audio.decode('RIFF')": "",
            "audio.sinc_resample(x, rate, 8000, {rolloff = 2})": "rolloff is 2",
            "audio.mfcc(x, rate, {n_mfcc = 200})": "n_mfcc is 200; wanted 1 to n_mels, 128",
            "audio.fbank(x, rate, {window_type = 'hann'})": "wanted povey, hanning",
            "audio.fbank(x, rate, {window_type = ('a'):rep(39) .. 'ä'})": '"' + "a" * 39 + '…"; wanted povey, hanning',
            "audio.fbank(x, rate, {high_freq = 9000})": "half the rate",
            "audio.fbank(x, rate, {frame_length = 1000})": "too few samples: 800; one frame has 8000",
            "audio.fbank(x, rate, {frame_shift = 0})": "frame_length and frame_shift are 25 and 0 ms",
            "audio.fbank(x, rate, {preemphasis_coefficient = 1.5})": "preemphasis_coefficient is 1.5; wanted 0 to 1",
            "audio.mono(x:to('float64'))": "got a float64 tensor",
        }
        good = file(sound(0.1, 8000), 8000)
        for call, message in cases.items():
            with self.subTest(call):
                script = f'local audio, torch = require "audio", require "torch"\nreturn function(input) local x, rate = audio.decode(input) return {call} end'
                (answer,) = self.ask(script, good, status=1)
                self.assertIn(answer["error"]["code"], ("ARGUMENT", "SCRIPT"), answer)
                self.assertIn(message, answer["error"]["message"])


if __name__ == "__main__":
    unittest.main()
