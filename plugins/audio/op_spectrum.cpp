// Spectrograms and mel features.
#include <algorithm>

#include "cepstrum.h"
#include "operations.h"
#include "spectrum.h"

namespace audio {
namespace {

bool reflects(std::string_view mode) {
  if (mode == "reflect") return true;
  if (mode == "constant") return false;
  mrun::refuse("pad_mode: wanted \"reflect\" or \"constant\", got \"" + std::string(mode) + '"');
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
  spectrogram(w.channel(channel), w.samples, w.stride, o, mrun::asking(c), out.data());
  return out;
}

mrun::tensor spectrogram_of(const mrun::call &c, const mrun::tensor &x, int64_t n_fft,
                            std::optional<int64_t> win_length, std::optional<int64_t> hop_length, double power,
                            bool center, std::string_view pad_mode) {
  return guarded([&] {
    const Wave w = wave_of(x, "audio.spectrogram");
    const SpectrumOptions o = spectrum_options(n_fft, win_length, hop_length, power, center, pad_mode);
    check(o, w.samples);
    auto out = result(c, x, {frequencies(o), frame_count(w.samples, o)});
    auto *to = out.data<float>();
    for (int64_t channel = 0; channel < w.channels; ++channel)
      for (double v : spectrum_of(c, w, channel, o)) *to++ = float(v);
    return out;
  });
}

MelOptions mel_options(int64_t n_mels, int64_t rate, double f_min, std::optional<double> f_max, std::string_view scale,
                       std::optional<std::string_view> norm) {
  if (scale != "htk" && scale != "slaney")
    mrun::refuse("mel_scale: wanted \"htk\" or \"slaney\", got \"" + std::string(scale) + '"');
  if (norm && *norm != "slaney") mrun::refuse("norm: wanted \"slaney\" or nil, got \"" + std::string(*norm) + '"');
  return {n_mels, f_min, f_max.value_or(double(rate / 2)), scale == "slaney", norm.has_value()};
}

mrun::tensor filters_of(const mrun::call &c, int64_t n_freqs, int64_t n_mels, int64_t rate, double f_min,
                        std::optional<double> f_max, std::string_view mel_scale, std::optional<std::string_view> norm) {
  return guarded([&] {
    const MelOptions options = mel_options(n_mels, rate, f_min, f_max, mel_scale, norm);
    // At most what mel_filters takes: what it refuses is told as that.
    c.charge(std::clamp<int64_t>(n_freqs, 0, most_frequencies) * std::clamp<int64_t>(n_mels, 0, most_mels) *
             int64_t(sizeof(double)));
    const auto filters = mel_filters(n_freqs, rate, options);
    auto out = mrun::tensor::empty(c, mrun::float32, {n_freqs, n_mels});
    std::transform(filters.begin(), filters.end(), out.data<float>(), [](double v) { return float(v); });
    return out;
  });
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
  return guarded([&] {
    const Wave w = wave_of(x, "audio.mel_spectrogram");
    const SpectrumOptions o = spectrum_options(n_fft, win_length, hop_length, power, center, pad_mode);
    check(o, w.samples);
    const auto filters = mel_filters(frequencies(o), rate, mel_options(n_mels, rate, f_min, f_max, mel_scale, norm));
    auto out = result(c, x, {n_mels, frame_count(w.samples, o)});
    auto *to = out.data<float>();
    for (int64_t channel = 0; channel < w.channels; ++channel)
      for (double v : mel_of(c, w, channel, o, filters, n_mels)) *to++ = float(v);
    return out;
  });
}

// Whisper's input: 25 ms windows every 10 ms at 16 kHz, the last frame left out.
mrun::tensor log_mel(const mrun::call &c, const mrun::tensor &x, int64_t n_mels) {
  return guarded([&] {
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
  });
}

// Mel-frequency cepstral coefficients: of all channels, since the loudest of them sets the floor.
mrun::tensor mfcc(const mrun::call &c, const mrun::tensor &x, int64_t rate, int64_t n_mfcc, std::string_view norm,
                  bool use_log_mels, int64_t n_fft, std::optional<int64_t> win_length,
                  std::optional<int64_t> hop_length, double f_min, std::optional<double> f_max, int64_t n_mels,
                  double power, bool center, std::string_view pad_mode, std::optional<std::string_view> mel_norm,
                  std::string_view mel_scale) {
  return guarded([&] {
    const Wave w = wave_of(x, "audio.mfcc");
    if (norm != "ortho" && norm != "none")
      mrun::refuse("audio.mfcc: norm: wanted \"ortho\" or \"none\", got \"" + std::string(norm) + '"');
    if (n_mfcc < 1 || n_mfcc > n_mels)
      mrun::refuse("audio.mfcc: n_mfcc is " + std::to_string(n_mfcc) + "; wanted 1 to n_mels, " +
                   std::to_string(n_mels));
    const SpectrumOptions o = spectrum_options(n_fft, win_length, hop_length, power, center, pad_mode);
    check(o, w.samples);
    const auto filters =
        mel_filters(frequencies(o), rate, mel_options(n_mels, rate, f_min, f_max, mel_scale, mel_norm));
    const int64_t frames = frame_count(w.samples, o);
    std::vector<double> mels;
    for (int64_t channel = 0; channel < w.channels; ++channel) {
      const auto one = mel_of(c, w, channel, o, filters, n_mels);
      mels.insert(mels.end(), one.begin(), one.end());
    }
    use_log_mels ? log_mels(mels) : decibels(mels);
    auto out = result(c, x, {n_mfcc, frames});
    for (int64_t channel = 0; channel < w.channels; ++channel)
      cosine_transform(mels.data() + channel * n_mels * frames, n_mels, frames, n_mfcc, norm == "ortho",
                       out.data<float>() + channel * n_mfcc * frames);
    return out;
  });
}

}  // namespace

void add_spectrum(const mrun::registrar &r) {
  r.op<spectrogram_of>(
      "audio.spectrogram@1(Tensor x, *, int n_fft=400, int? win_length=None, int? hop_length=None, float power=2.0, "
      "bool center=True, str pad_mode='reflect') -> Tensor",
      "[channels, n_fft / 2 + 1, frames], as torchaudio.transforms.Spectrogram.");
  r.op<filters_of>(
      "audio.mel_filters@1(int n_freqs, int n_mels, int rate, *, float f_min=0.0, float? f_max=None, "
      "str mel_scale='htk', str? norm=None) -> Tensor",
      "[n_freqs, n_mels], as torchaudio.functional.melscale_fbanks.");
  r.op<mel_spectrogram>(
      "audio.mel_spectrogram@1(Tensor x, int rate, *, int n_fft=400, int? win_length=None, int? hop_length=None, "
      "float f_min=0.0, float? f_max=None, int n_mels=128, float power=2.0, bool center=True, "
      "str pad_mode='reflect', str? norm=None, str mel_scale='htk') -> Tensor",
      "[channels, n_mels, frames], as torchaudio.transforms.MelSpectrogram.");
  r.op<log_mel>("audio.log_mel@1(Tensor x, int n_mels=80) -> Tensor",
                "Whisper's log-mel input of samples at 16 kHz: [channels, n_mels, n / 160].");
  r.op<mfcc>(
      "audio.mfcc@1(Tensor x, int rate, *, int n_mfcc=40, str norm='ortho', bool log_mels=False, int n_fft=400, "
      "int? win_length=None, int? hop_length=None, float f_min=0.0, float? f_max=None, int n_mels=128, "
      "float power=2.0, bool center=True, str pad_mode='reflect', str? mel_norm=None, str mel_scale='htk') -> Tensor",
      "[channels, n_mfcc, frames], as torchaudio.transforms.MFCC.");
}

}  // namespace audio
