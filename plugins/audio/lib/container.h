// What a sound file says of its own length, read before libsndfile is: that reads what is there and is silent about what
// is missing.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace audio {

// Bytes for libsndfile, with four of them replaced, a length that is wrong or was left open by a writer into a pipe, others
// before and zeros behind them.
struct Source {
  std::string_view bytes;
  size_t patch_at = SIZE_MAX;
  std::array<char, 4> patch{};
  size_t zeros = 0;
  std::optional<int64_t> frames{};  // where libsndfile is told of more, without which it does not read the last ones
  bool mpeg = false;                // MPEG audio, also within a WAV
  std::string lead{};  // without a patch: what `frames` has more than is read with it is the begin without it
};

// The parts of a file that are decoded one behind the other: one, but for an OGG whose streams are chained. Throws Error
// (input) where the file says itself that some of it is missing.
std::vector<Source> sources_of(std::string_view file);

// What the file is, where libsndfile does not read it: "a MIDI file, which holds notes and no samples"; empty where that is not known.
std::string foreign_kind(std::string_view file);

// The OGG streams that follow each other, each whole: every page is there, undamaged, and the last one says so. Opus
// streams are not joined: each has silence of its own at its beginning.
std::vector<Source> ogg_links(std::string_view file);

// What libogg makes of the first stream of a link that was found whole.
struct OggPackets {
  std::vector<std::string> first;  // up to three: a codec's headers
  size_t longest = 0;              // of all
};
OggPackets ogg_packets(std::string_view link);

// Throws where MPEG audio is cut, its last frame is not whole or there are fewer than its first one says, and where more
// are there, of which libsndfile would say nothing.
Source mpeg_source(std::string_view file);
bool is_mpeg(std::string_view file);

}  // namespace audio
