// Frames of MPEG audio (ISO 11172-3, 13818-3): a header of four bytes gives a frame's length.
#include "bytes.h"
#include "container.h"
#include "error.h"

namespace audio {
namespace {

struct Frame {
  size_t size;
  size_t info_at;  // where the first frame of Layer III may say how many there are
};

// In kbit/s, by [table][index]; tables: MPEG 1 layers I, II, III, MPEG 2 layer I, MPEG 2 layers II and III.
constexpr int bit_rates[5][15] = {{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
                                  {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
                                  {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
                                  {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
                                  {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}};

// Nothing where no frame begins, or its length is free.
std::optional<Frame> frame_at(std::string_view s, size_t at) {
  if (s.size() < 4 || at > s.size() - 4) return std::nullopt;
  const auto h = uint32_t(number(s, at, 4, true));
  const unsigned version = h >> 19 & 3, layer = 4 - (h >> 17 & 3), rate_index = h >> 10 & 3, bits_index = h >> 12 & 15;
  if (h >> 21 != 0x7ff || version == 1 || layer == 4 || rate_index == 3 || bits_index == 0 || bits_index == 15)
    return std::nullopt;
  const bool one = version == 3;
  const size_t table = one ? layer - 1 : layer == 1 ? 3 : 4;
  static constexpr size_t rates[] = {44100, 48000, 32000};
  const size_t rate = rates[rate_index] >> (one ? 0 : version == 2 ? 1 : 2);
  const size_t bits = size_t(bit_rates[table][bits_index]) * 1000, padding = h >> 9 & 1;
  const size_t samples = layer == 1 ? 384 : layer == 3 && !one ? 576 : 1152;
  const size_t size = layer == 1 ? (12 * bits / rate + padding) * 4 : samples / 8 * bits / rate + padding;
  const bool mono = (h >> 6 & 3) == 3;
  return Frame{size, at + 4 + (one ? (mono ? 17U : 32U) : (mono ? 9U : 17U))};
}

// How many frames follow the first one, where that says so.
std::optional<uint64_t> stated_frames(std::string_view s, const Frame &first) {
  if (s.size() < first.info_at + 12 || (!has(s, first.info_at, "Xing") && !has(s, first.info_at, "Info")))
    return std::nullopt;
  if ((number(s, first.info_at + 4, 4, true) & 1) == 0) return std::nullopt;
  return number(s, first.info_at + 8, 4, true);
}

}  // namespace

bool is_mpeg(std::string_view file) {
  const auto first = frame_at(file, 0);
  return first && (first->size >= file.size() || frame_at(file, first->size));
}

void check_mpeg(std::string_view file) {
  size_t at = 0;
  const auto first = frame_at(file, at);
  if (!first) return;
  const auto stated = stated_frames(file, *first);
  uint64_t count = 0;
  for (std::optional<Frame> f = first; f; f = frame_at(file, at)) {
    if (f->size > file.size() - at) bad_input("the MPEG audio is cut short: its last frame is not whole");
    at += f->size;
    ++count;
  }
  if (stated && count < *stated + 1)
    bad_input("the MPEG audio says that it has " + mrun::counted(*stated, "frame") + ", but only the first " +
              std::to_string(count - 1) + " are whole");
}

}  // namespace audio
