// Another rate, through libsoxr.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace audio {

// "low", "medium", "high" or "very_high": soxr's LQ, MQ, HQ, VHQ (16, 16, 20 and 28 bits).
enum class Quality { low, medium, high, very_high };
Quality quality_of(std::string_view name);  // throws Error, argument

// Frames that `frames` become: rounded up, as torchaudio does.
int64_t resampled_length(int64_t frames, int64_t from, int64_t to);

// One channel; in: `frames` samples `stride` apart. out: resampled_length samples.
void resample(const float *in, int64_t frames, int64_t stride, int64_t from, int64_t to, Quality, float *out);

}  // namespace audio
