// Kaldi's filter banks, by the definition of torchaudio.compliance.kaldi.fbank.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

namespace audio {

enum class FrameWindow { povey, hanning, hamming, rectangular, blackman };
FrameWindow frame_window_by_name(std::string_view);  // Error: argument

struct FbankOptions {
  int64_t rate = 16000;
  int64_t bins = 23;
  double frame_length = 25, frame_shift = 10;  // milliseconds
  double low = 20, high = 0;                   // Hz; high of at most 0 counts from half the rate
  double preemphasis = 0.97;
  bool remove_dc = true;
  FrameWindow window = FrameWindow::povey;
  bool power_of_two = true;  // frames are filled up with zeros
  bool snip_edges = true;    // only frames that lie inside; else the ends are mirrored
  bool use_energy = false;   // one more value a frame, the first (htk_compat: the last)
  bool raw_energy = true;    // of the frame before preemphasis and window
  double energy_floor = 1;
  bool htk_compat = false;
  bool use_log = true;
  bool use_power = true;  // else magnitudes
  bool subtract_mean = false;
};

// Throws Error (argument) where the options cannot be, or the samples are too few.
void check(const FbankOptions &, int64_t samples);
int64_t fbank_frames(const FbankOptions &, int64_t samples);
int64_t fbank_values(const FbankOptions &);  // a frame

// in: `samples` values `stride` apart. out: [frames, values], row-major. poll() is called once a frame and may throw.
void fbank(const float *in, int64_t samples, int64_t stride, const FbankOptions &, const std::function<void()> &poll,
           float *out);

}  // namespace audio
