// Other rates, and one channel.
#include <algorithm>

#include "operations.h"
#include "resample.h"
#include "sinc.h"

namespace audio {
namespace {

// The length of the result, its rates checked.
int64_t length_at(const Wave &w, int64_t from, int64_t to, const char *operation) {
  constexpr int64_t most = 10'000'000, longest = int64_t(1) << 31;
  if (from < 1 || to < 1 || from > most || to > most)
    mrun::refuse(std::string(operation) + ": the rates are " + std::to_string(from) + " and " + std::to_string(to) +
                 "; wanted 1 to 10000000");
  if (double(w.samples) / double(from) * double(to) > double(longest))
    mrun::refuse(std::string(operation) + ": the result would be longer than 2^31 samples");
  return resampled_length(w.samples, from, to);
}

// Beyond it libsoxr does not come to an end.
void check_ratio(int64_t from, int64_t to) {
  constexpr int64_t most = 1 << 16;
  if (std::max(from, to) / std::min(from, to) >= most)
    mrun::refuse("audio.resample: the rates are " + std::to_string(from) + " and " + std::to_string(to) +
                 "; wanted less than 65536 times the other (sinc_resample takes any)");
}

mrun::tensor resample_wave(const mrun::call &c, const mrun::tensor &x, int64_t from, int64_t to,
                           std::string_view quality) {
  return guarded([&] {
    const Wave w = wave_of(x, "audio.resample");
    const int64_t length = length_at(w, from, to, "audio.resample");
    check_ratio(from, to);
    const Quality q = quality_of(quality);
    auto out = result(c, x, {length});
    const int64_t silence = from / to + 2 * (to / from) + 6;  // behind the end, in and out
    c.charge(int64_t(sizeof(float)) * (2 * w.samples + 2 * length + silence) + (1 << 20));
    for (int64_t channel = 0; channel < w.channels; ++channel) {
      c.poll();
      resample(w.channel(channel), w.samples, w.stride, from, to, q, out.data<float>() + channel * length);
    }
    return out;
  });
}

mrun::tensor sinc_resample_wave(const mrun::call &c, const mrun::tensor &x, int64_t from, int64_t to,
                                int64_t lowpass_filter_width, double rolloff) {
  return guarded([&] {
    const Wave w = wave_of(x, "audio.sinc_resample");
    const int64_t length = length_at(w, from, to, "audio.sinc_resample");
    const SincOptions o{lowpass_filter_width, rolloff};
    check(o);
    auto out = result(c, x, {length});
    c.charge(int64_t(sizeof(float)) * 2 * w.samples);  // weights: only those that meet a sample are made
    for (int64_t channel = 0; channel < w.channels; ++channel)
      sinc_resample(w.channel(channel), w.samples, w.stride, from, to, o, mrun::asking(c),
                    out.data<float>() + channel * length);
    return out;
  });
}

mrun::tensor mono(const mrun::call &c, const mrun::tensor &x) {
  const Wave w = wave_of(x, "audio.mono");
  if (w.channels < 1) mrun::refuse("audio.mono: there is no channel");
  auto out = mrun::tensor::empty(c, mrun::float32, {w.samples});
  auto *to = out.data<float>();
  for (int64_t i = 0; i < w.samples; ++i) {
    double sum = 0;
    for (int64_t channel = 0; channel < w.channels; ++channel) sum += double(w.channel(channel)[i * w.stride]);
    to[i] = float(sum / double(w.channels));
  }
  return out;
}

}  // namespace

void add_resample(const mrun::registrar &r) {
  r.op<resample_wave>("audio.resample@1(Tensor x, int from_rate, int to_rate, *, str quality='very_high') -> Tensor",
                      "Samples at another rate.");
  r.op<sinc_resample_wave>(
      "audio.sinc_resample@1(Tensor x, int from_rate, int to_rate, *, int lowpass_filter_width=6, float rolloff=0.99) "
      "-> Tensor",
      "Samples at another rate, as torchaudio.functional.resample.");
  r.op<mono>("audio.mono@1(Tensor x) -> Tensor", "The mean of all channels, [n].");
}

}  // namespace audio
