#include "cepstrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace audio {

void log_mels(std::vector<double> &energies) {
  for (double &e : energies) e = std::log(e + 1e-6);
}

void decibels(std::vector<double> &energies, double top_db) {
  double loudest = -100;
  for (double &e : energies) loudest = std::max(loudest, e = 10 * std::log10(std::max(e, 1e-10)));
  for (double &e : energies) e = std::max(e, loudest - top_db);
}

void cosine_transform(const double *mels, int64_t n_mels, int64_t frames, int64_t count, bool ortho, float *out) {
  std::vector<double> row(static_cast<size_t>(frames));
  for (int64_t k = 0; k < count; ++k) {
    const double first = k == 0 ? std::sqrt(0.5) : 1.0;
    const double scale = ortho ? first * std::sqrt(2.0 / double(n_mels)) : 2.0;
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t m = 0; m < n_mels; ++m) {
      const double angle = std::numbers::pi / double(n_mels) * (double(m) + 0.5) * double(k);
      const double weight = double(float(scale * std::cos(angle)));
      for (int64_t t = 0; t < frames; ++t) row[size_t(t)] += weight * mels[m * frames + t];
    }
    for (int64_t t = 0; t < frames; ++t) out[k * frames + t] = float(row[size_t(t)]);
  }
}

}  // namespace audio
