// Spectrograms and mel filters, by the definitions of torch.stft and torchaudio. Windows and filters are torchaudio's
// float32 values; what they are applied to is computed in double precision.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace audio {

struct SpectrumOptions {
  int64_t n_fft = 400;       // even, its prime factors below 1000
  int64_t win_length = 400;  // at most n_fft; a periodic Hann window, centred in the frame
  int64_t hop_length = 200;
  double power = 2;     // of the magnitude
  bool center = true;   // frame t is around sample t * hop_length: n_fft / 2 samples are put at both ends
  bool reflect = true;  // mirrored ones; else zeros
};

int64_t frequencies(const SpectrumOptions &);                   // n_fft / 2 + 1
int64_t frame_count(int64_t samples, const SpectrumOptions &);  // 0 where there are too few samples

// Throws Error (argument) where the options cannot be, or the samples are too few for them.
void check(const SpectrumOptions &, int64_t samples);

// in: `samples` values `stride` apart. out: [frequencies, frames], row-major. poll() is called once a frame and may
// throw.
void spectrogram(const float *in, int64_t samples, int64_t stride, const SpectrumOptions &,
                 const std::function<void()> &poll, double *out);

inline constexpr int64_t most_mels = 4096, most_frequencies = 1 << 20;  // that filters may have

struct MelOptions {
  int64_t n_mels = 128;
  double f_min = 0, f_max = 8000;
  bool slaney_scale = false;  // else HTK's
  bool slaney_norm = false;   // filters of equal area
};

// [frequencies, n_mels], row-major: torchaudio.functional.melscale_fbanks.
std::vector<double> mel_filters(int64_t frequencies, int64_t rate, const MelOptions &);

// filters: [frequencies, n_mels]; spectrum: [frequencies, frames]; out: [n_mels, frames].
void apply_filters(const std::vector<double> &filters, int64_t n_mels, const double *spectrum, int64_t frequencies,
                   int64_t frames, double *out);

// Whisper's scaling of one channel's mel energies: log10 of at least 1e-10, at most 8 below the highest, (x + 4) / 4.
void whisper_scale(const double *mel, int64_t count, float *out);

}  // namespace audio
