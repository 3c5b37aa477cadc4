// The plugin audio: decode, resample, spectrograms, mel.
#include <algorithm>
#include <mrun/plugin.hpp>

#include "decode.h"
#include "resample.h"
#include "spectrum.h"

extern const char mrun_lua_audio[];

namespace audio {
namespace {

// [n] or [channels, n], float32, on the CPU.
struct Wave {
  const float *data;
  int64_t channels, samples, channel_stride, stride;
};

Wave wave_of(const mrun::tensor &t, const char *operation) {
  if (!t.is(mrun::float32) || !t.on_cpu() || t.dim() < 1 || t.dim() > 2)
    throw mrun::error(MRUN_ARGUMENT, std::string(operation) + ": wanted samples, float32 [n] or [channels, n]");
  if (t.dim() == 1) return {t.data<const float>(), 1, t.size(0), 0, t.stride(0)};
  return {t.data<const float>(), t.size(0), t.size(1), t.stride(0), t.stride(1)};
}

// As many dimensions as `like` has, the last replaced by `last`.
mrun::tensor result(const mrun::call &c, const mrun::tensor &like, std::vector<int64_t> last) {
  std::vector<int64_t> shape;
  if (like.dim() == 2) shape.push_back(like.size(0));
  shape.insert(shape.end(), last.begin(), last.end());
  return mrun::tensor::empty(c, mrun::float32, shape);
}

std::tuple<mrun::tensor, int64_t> decode_bytes(const mrun::call &c, const mrun::tensor &bytes) {
  if (!bytes.is(mrun::uint8) || bytes.dim() != 1 || !bytes.on_cpu() || !bytes.is_contiguous())
    throw mrun::error(MRUN_ARGUMENT, "audio.decode: wanted bytes, a 1-D uint8 tensor");
  const Samples s = decode({bytes.data<const char>(), size_t(bytes.numel())}, [&](int64_t more) {
    c.poll();
    c.charge(more);
  });
  auto out = mrun::tensor::empty(c, mrun::float32, {s.channels, s.frames()});
  auto *to = out.data<float>();
  for (int64_t channel = 0; channel < s.channels; ++channel)
    for (int64_t i = 0; i < s.frames(); ++i) *to++ = s.interleaved[size_t(i * s.channels + channel)];
  return {std::move(out), s.rate};
}

mrun::tensor resample_wave(const mrun::call &c, const mrun::tensor &x, int64_t from, int64_t to,
                           std::string_view quality) {
  const Wave w = wave_of(x, "audio.resample");
  constexpr int64_t most = 10'000'000, longest = int64_t(1) << 31;
  if (from < 1 || to < 1 || from > most || to > most)
    throw mrun::error(MRUN_ARGUMENT, "audio.resample: wanted rates from 1 to 10000000");
  const Quality q = quality_of(quality);
  if (double(w.samples) / double(from) * double(to) > double(longest))
    throw mrun::error(MRUN_ARGUMENT, "audio.resample: the result would be longer than 2^31 samples");
  const int64_t length = resampled_length(w.samples, from, to);
  auto out = result(c, x, {length});
  c.charge(int64_t(sizeof(float)) * (2 * w.samples + 2 * length) + (1 << 20));
  for (int64_t channel = 0; channel < w.channels; ++channel) {
    c.poll();
    resample(w.data + channel * w.channel_stride, w.samples, w.stride, from, to, q,
             out.data<float>() + channel * length);
  }
  return out;
}

bool reflects(std::string_view mode) {
  if (mode == "reflect") return true;
  if (mode == "constant") return false;
  throw mrun::error(MRUN_ARGUMENT, "pad_mode: wanted \"reflect\" or \"constant\", got \"" + std::string(mode) + '"');
}

SpectrumOptions spectrum_options(int64_t n_fft, std::optional<int64_t> win_length, std::optional<int64_t> hop_length,
                                 double power, bool center, std::string_view pad_mode) {
  SpectrumOptions o;
  o.n_fft = n_fft;
  o.win_length = win_length.value_or(n_fft);
  o.hop_length = hop_length.value_or(o.win_length / 2);
  o.power = power;
  o.center = center;
  o.reflect = reflects(pad_mode);
  return o;
}

std::vector<double> spectrum_of(const mrun::call &c, const Wave &w, int64_t channel, const SpectrumOptions &o) {
  const int64_t count = frequencies(o) * frame_count(w.samples, o);
  c.poll();
  c.charge(count * int64_t(sizeof(double)));
  std::vector<double> out(static_cast<size_t>(count));
  auto poll = [&] { c.poll(); };
  spectrogram(w.data + channel * w.channel_stride, w.samples, w.stride, o, poll, out.data());
  return out;
}

mrun::tensor spectrogram_of(const mrun::call &c, const mrun::tensor &x, int64_t n_fft,
                            std::optional<int64_t> win_length, std::optional<int64_t> hop_length, double power,
                            bool center, std::string_view pad_mode) {
  const Wave w = wave_of(x, "audio.spectrogram");
  const SpectrumOptions o = spectrum_options(n_fft, win_length, hop_length, power, center, pad_mode);
  check(o, w.samples);
  auto out = result(c, x, {frequencies(o), frame_count(w.samples, o)});
  auto *to = out.data<float>();
  for (int64_t channel = 0; channel < w.channels; ++channel)
    for (double v : spectrum_of(c, w, channel, o)) *to++ = float(v);
  return out;
}

MelOptions mel_options(int64_t n_mels, int64_t rate, double f_min, std::optional<double> f_max, std::string_view scale,
                       std::optional<std::string_view> norm) {
  if (scale != "htk" && scale != "slaney")
    throw mrun::error(MRUN_ARGUMENT, "mel_scale: wanted \"htk\" or \"slaney\", got \"" + std::string(scale) + '"');
  if (norm && *norm != "slaney")
    throw mrun::error(MRUN_ARGUMENT, "norm: wanted \"slaney\" or nil, got \"" + std::string(*norm) + '"');
  return {n_mels, f_min, f_max.value_or(double(rate / 2)), scale == "slaney", norm.has_value()};
}

mrun::tensor filters_of(const mrun::call &c, int64_t n_freqs, int64_t n_mels, int64_t rate, double f_min,
                        std::optional<double> f_max, std::string_view mel_scale, std::optional<std::string_view> norm) {
  const auto filters = mel_filters(n_freqs, rate, mel_options(n_mels, rate, f_min, f_max, mel_scale, norm));
  auto out = mrun::tensor::empty(c, mrun::float32, {n_freqs, n_mels});
  std::transform(filters.begin(), filters.end(), out.data<float>(), [](double v) { return float(v); });
  return out;
}

std::vector<double> mel_of(const mrun::call &c, const Wave &w, int64_t channel, const SpectrumOptions &o,
                           const std::vector<double> &filters, int64_t n_mels) {
  const int64_t frames = frame_count(w.samples, o);
  const std::vector<double> spectrum = spectrum_of(c, w, channel, o);
  c.charge(n_mels * frames * int64_t(sizeof(double)));
  std::vector<double> out(size_t(n_mels * frames));
  apply_filters(filters, n_mels, spectrum.data(), frequencies(o), frames, out.data());
  return out;
}

mrun::tensor mel_spectrogram(const mrun::call &c, const mrun::tensor &x, int64_t rate, int64_t n_fft,
                             std::optional<int64_t> win_length, std::optional<int64_t> hop_length, double f_min,
                             std::optional<double> f_max, int64_t n_mels, double power, bool center,
                             std::string_view pad_mode, std::optional<std::string_view> norm,
                             std::string_view mel_scale) {
  const Wave w = wave_of(x, "audio.mel_spectrogram");
  const SpectrumOptions o = spectrum_options(n_fft, win_length, hop_length, power, center, pad_mode);
  check(o, w.samples);
  const auto filters = mel_filters(frequencies(o), rate, mel_options(n_mels, rate, f_min, f_max, mel_scale, norm));
  auto out = result(c, x, {n_mels, frame_count(w.samples, o)});
  auto *to = out.data<float>();
  for (int64_t channel = 0; channel < w.channels; ++channel)
    for (double v : mel_of(c, w, channel, o, filters, n_mels)) *to++ = float(v);
  return out;
}

// Whisper's input: 25 ms windows every 10 ms at 16 kHz, the last frame left out.
mrun::tensor log_mel(const mrun::call &c, const mrun::tensor &x, int64_t n_mels) {
  const Wave w = wave_of(x, "audio.log_mel");
  constexpr int64_t rate = 16000;
  SpectrumOptions o;
  o.hop_length = 160;
  check(o, w.samples);
  const auto filters = mel_filters(frequencies(o), rate, {n_mels, 0, 8000, true, true});
  const int64_t frames = frame_count(w.samples, o), kept = frames - 1;
  auto out = result(c, x, {n_mels, kept});
  for (int64_t channel = 0; channel < w.channels; ++channel) {
    const std::vector<double> mel = mel_of(c, w, channel, o, filters, n_mels);
    std::vector<double> part(size_t(n_mels * kept));
    for (int64_t m = 0; m < n_mels; ++m) std::copy_n(&mel[size_t(m * frames)], kept, part.begin() + m * kept);
    whisper_scale(part.data(), n_mels * kept, out.data<float>() + channel * n_mels * kept);
  }
  return out;
}

}  // namespace
}  // namespace audio

MRUN_PLUGIN("audio", "1.0.0", "Sound: decoding, resampling, spectrograms, mel", mrun_lua_audio, "Apache-2.0") {
  op<audio::decode_bytes>("audio.decode@1(Tensor bytes) -> (Tensor, int)",
                          "The samples, float32 [channels, n], and the rate of a WAV, FLAC or OGG file.");
  op<audio::resample_wave>(
      "audio.resample@1(Tensor x, int from_rate, int to_rate, *, str quality='very_high') -> Tensor",
      "Samples at another rate.");
  op<audio::spectrogram_of>(
      "audio.spectrogram@1(Tensor x, *, int n_fft=400, int? win_length=None, int? hop_length=None, float power=2.0, "
      "bool center=True, str pad_mode='reflect') -> Tensor",
      "[channels, n_fft / 2 + 1, frames], as torchaudio.transforms.Spectrogram.");
  op<audio::filters_of>(
      "audio.mel_filters@1(int n_freqs, int n_mels, int rate, *, float f_min=0.0, float? f_max=None, "
      "str mel_scale='htk', str? norm=None) -> Tensor",
      "[n_freqs, n_mels], as torchaudio.functional.melscale_fbanks.");
  op<audio::mel_spectrogram>(
      "audio.mel_spectrogram@1(Tensor x, int rate, *, int n_fft=400, int? win_length=None, int? hop_length=None, "
      "float f_min=0.0, float? f_max=None, int n_mels=128, float power=2.0, bool center=True, "
      "str pad_mode='reflect', str? norm=None, str mel_scale='htk') -> Tensor",
      "[channels, n_mels, frames], as torchaudio.transforms.MelSpectrogram.");
  op<audio::log_mel>("audio.log_mel@1(Tensor x, int n_mels=80) -> Tensor",
                     "Whisper's log-mel input of samples at 16 kHz: [channels, n_mels, n / 160].");
}
