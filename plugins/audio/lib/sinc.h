// Another rate by torchaudio.functional.resample's definition: a windowed sinc, Hann's window ("sinc_interp_hann").
#pragma once
#include <cstdint>
#include <functional>

namespace audio {

struct SincOptions {
  int64_t lowpass_filter_width = 6;  // zero crossings on each side: the more, the sharper
  double rolloff = 0.99;             // of half the lower rate: where the filter cuts
};
void check(const SincOptions &);  // Error: argument

// One channel; in: `frames` samples `stride` apart. out: resampled_length (resample.h) samples. poll() is called now and
// then and may throw.
void sinc_resample(const float *in, int64_t frames, int64_t stride, int64_t from, int64_t to, const SincOptions &,
                   const std::function<void()> &poll, float *out);

}  // namespace audio
