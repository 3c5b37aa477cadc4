// From mel energies to mel-frequency cepstral coefficients, by torchaudio.transforms.MFCC's definition.
#pragma once
#include <cstdint>
#include <vector>

namespace audio {

// In place: the natural logarithm of x + 1e-6.
void log_mels(std::vector<double> &energies);
// In place: decibels, at most `top_db` below the loudest.
void decibels(std::vector<double> &energies, double top_db = 80);

// The discrete cosine transform (type II) over mels: [n_mels, frames] to [count, frames]. ortho: of orthonormal rows.
void cosine_transform(const double *mels, int64_t n_mels, int64_t frames, int64_t count, bool ortho, float *out);

}  // namespace audio
