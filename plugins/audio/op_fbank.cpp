// Kaldi's filter banks.
#include "fbank.h"
#include "operations.h"

namespace audio {
namespace {

mrun::tensor fbank_of(const mrun::call &c, const mrun::tensor &x, int64_t rate, int64_t num_mel_bins,
                      double frame_length, double frame_shift, double low_freq, double high_freq,
                      double preemphasis_coefficient, bool remove_dc_offset, std::string_view window_type,
                      bool round_to_power_of_two, bool snip_edges, bool use_energy, bool raw_energy,
                      double energy_floor, bool htk_compat, bool use_log_fbank, bool use_power, bool subtract_mean) {
  return guarded([&] {
    const Wave w = wave_of(x, "audio.fbank");
    const FbankOptions o{rate,
                         num_mel_bins,
                         frame_length,
                         frame_shift,
                         low_freq,
                         high_freq,
                         preemphasis_coefficient,
                         remove_dc_offset,
                         frame_window_by_name(window_type),
                         round_to_power_of_two,
                         snip_edges,
                         use_energy,
                         raw_energy,
                         energy_floor,
                         htk_compat,
                         use_log_fbank,
                         use_power,
                         subtract_mean};
    check(o, w.samples);
    const int64_t frames = fbank_frames(o, w.samples), values = fbank_values(o);
    auto out = result(c, x, {frames, values});
    for (int64_t channel = 0; channel < w.channels; ++channel)
      fbank(w.channel(channel), w.samples, w.stride, o, mrun::asking(c), out.data<float>() + channel * frames * values);
    return out;
  });
}

}  // namespace

void add_fbank(const mrun::registrar &r) {
  r.op<fbank_of>(
      "audio.fbank@1(Tensor x, int rate, *, int num_mel_bins=23, float frame_length=25.0, float frame_shift=10.0, "
      "float low_freq=20.0, float high_freq=0.0, float preemphasis_coefficient=0.97, bool remove_dc_offset=True, "
      "str window_type='povey', bool round_to_power_of_two=True, bool snip_edges=True, bool use_energy=False, "
      "bool raw_energy=True, float energy_floor=1.0, bool htk_compat=False, bool use_log_fbank=True, "
      "bool use_power=True, bool subtract_mean=False) -> Tensor",
      "[channels, frames, num_mel_bins], as torchaudio.compliance.kaldi.fbank.");
}

}  // namespace audio
