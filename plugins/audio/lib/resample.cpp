#include "resample.h"

#include <soxr.h>

#include <algorithm>
#include <string>

#include "error.h"

namespace audio {

Quality quality_of(std::string_view name) {
  if (name == "low") return Quality::low;
  if (name == "medium") return Quality::medium;
  if (name == "high") return Quality::high;
  if (name == "very_high") return Quality::very_high;
  bad_argument("quality: wanted \"low\", \"medium\", \"high\" or \"very_high\", got \"" + std::string(name) + '"');
}

int64_t resampled_length(int64_t frames, int64_t from, int64_t to) {
  return frames / from * to + (frames % from * to + from - 1) / from;
}

void resample(const float *in, int64_t frames, int64_t stride, int64_t from, int64_t to, Quality quality, float *out) {
  if (from == to) {  // as torchaudio: the samples themselves
    for (int64_t i = 0; i < frames; ++i) out[i] = in[i * stride];
    return;
  }
  // The silence behind the end, for the last result: soxr rounds their number to the nearest.
  const int64_t fed = frames + from / to + 2;
  std::vector<float> channel(static_cast<size_t>(fed), 0.0F);
  for (int64_t i = 0; i < frames; ++i) channel[size_t(i)] = in[i * stride];
  static constexpr unsigned long recipes[] = {SOXR_LQ, SOXR_MQ, SOXR_HQ, SOXR_VHQ};
  const soxr_quality_spec_t spec = soxr_quality_spec(recipes[int(quality)], 0);
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
  std::vector<float> results(static_cast<size_t>(resampled_length(fed, from, to)), 0.0F);
  size_t used = 0, made = 0;
  const soxr_error_t error = soxr_oneshot(double(from), double(to), 1, channel.data(), channel.size(), &used,
                                          results.data(), results.size(), &made, &io, &spec, &one_thread);
  if (error) throw Error(Error::Code::internal, std::string("audio.resample: ") + error);
  std::copy_n(results.begin(), resampled_length(frames, from, to), out);
}

}  // namespace audio
