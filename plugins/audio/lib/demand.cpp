// Each bound is above what was measured with the worst files, hand-made (libsndfile 1.2, libvorbis 1.3, libFLAC 1.4,
// mpg123 1.31, opus 1.3).
#include "demand.h"

#include <algorithm>

#include "bytes.h"
#include "decode.h"
#include "error.h"
#include "vorbis.h"

namespace audio {
namespace {

// Of every kind: its own state, 2,500 cue points, and a header of which libsndfile keeps 100 KB at most, so that the
// chunks in it are some thousands.
constexpr int64_t any_kind = 2 << 20;

int64_t opus_bytes(std::string_view head) {
  constexpr int64_t a_stream = 28 << 10, a_channel = 24 << 10;  // a decoder of two channels; 120 ms
  if (head.size() < 19) bad_input("the OGG's Opus header is cut short");
  const bool mapped = number(head, 18, 1, false) != 0 && head.size() > 19;
  const auto streams = int64_t(mapped ? number(head, 19, 1, false) : 1);
  return streams * a_stream + int64_t(number(head, 9, 1, false)) * a_channel;
}

int64_t ogg_bytes(std::string_view link) {
  const OggPackets packets = ogg_packets(link);
  // A comment takes four bytes of the file, and a text and a pointer in memory.
  int64_t bytes = int64_t(packets.longest) * 3;
  for (const std::string &p : packets.first) bytes += int64_t(p.size()) * 16;
  if (packets.first.empty()) return bytes;
  const std::string &first = packets.first.front();
  if (has(first, 0, "OpusHead")) bytes += opus_bytes(first);
  if (!has(first, 0, "\1vorbis")) return bytes;
  for (const std::string &p : packets.first)
    if (has(p, 0, "\5vorbis")) bytes += vorbis_bytes(first, p);
  return bytes;
}

// libFLAC gives up a block of more comments, and takes what stands in it for the next one.
void check_comments(std::string_view block) {
  constexpr uint64_t most = 100000;
  const uint64_t vendor = block.size() < 8 ? block.size() : number(block, 0, 4, false);
  if (vendor + 8 > block.size()) return;
  const uint64_t count = number(block, 4 + size_t(vendor), 4, false);
  if (count > most)
    bad_input("the FLAC says that it has " + std::to_string(count) + " comments; wanted at most " +
              std::to_string(most));
}

// Metadata of FLAC: blocks of a type and a length, which libFLAC asks for before it looks for them.
int64_t flac_bytes(std::string_view s) {
  constexpr uint64_t comments = 4;
  int64_t bytes = 10 << 20;  // frames of 65,535 samples in 8 channels; 100,000 comments, which need not be there
  bool last = false;
  for (size_t at = 4; !last;) {
    if (s.size() - at < 4) bad_input("the FLAC is cut short: it ends within its metadata");
    const uint64_t type = number(s, at, 1, true), size = number(s, at + 1, 3, true), left = s.size() - at - 4;
    if (size > left)
      bad_input("the FLAC says that it has " + mrun::counted(size, "byte") + " of metadata at byte " +
                std::to_string(at) + ", but " + std::to_string(left) + " are there");
    last = (type & 128) != 0;
    if ((type & 127) == comments) check_comments(s.substr(at + 4, size_t(size)));
    bytes += int64_t(size) * ((type & 127) == comments ? 16 : 2);
    at += 4 + size_t(size);
  }
  return bytes;
}

// mpg123 keeps the texts of the ID3 tags that it meets between frames: of what is there, whatever a tag says.
int64_t tag_bytes(std::string_view s) {
  constexpr size_t head = 10;
  size_t longest = 0;
  for (size_t at = s.find("ID3"); at != s.npos && s.size() - at >= head; at = s.find("ID3", at + 1)) {
    size_t length = 0;
    for (size_t i = 6; i < head; ++i) length = length << 7 | (number(s, at + i, 1, true) & 127);
    longest = std::max(longest, std::min(length, s.size() - at - head));
  }
  return int64_t(longest) * 4;
}

// The table of Apple Lossless's packets: a number of at least a byte each, kept as four bytes, copied as it grows.
int64_t packet_table_bytes(std::string_view s) {
  constexpr size_t head = 12;
  for (size_t at = 8; s.size() - at >= head;) {
    const uint64_t size = std::min<uint64_t>(number(s, at + 4, 8, true), s.size() - at - head);
    if (has(s, at, "pakt")) return int64_t(size) * 20;
    at += head + size_t(size);
  }
  return 0;
}

// Apple Lossless is made ready for as many channels as the file says.
int64_t caf_bytes(std::string_view s) {
  constexpr int64_t a_channel = 40 << 10;
  const auto channels = int64_t(s.size() < 48 ? 0 : number(s, 44, 4, true));
  if (channels > max_channels)
    bad_input(std::to_string(channels) + " channels; wanted 1 to " + std::to_string(max_channels));
  return channels * a_channel + (has(s, 28, "alac") ? packet_table_bytes(s) : 0);
}

}  // namespace

int64_t library_bytes(const Source &source) {
  const std::string_view s = source.bytes;
  if (has(s, 0, "OggS")) return any_kind + ogg_bytes(s);
  if (has(s, 0, "fLaC")) return any_kind + flac_bytes(s);
  if (has(s, 0, "caff")) return any_kind + caf_bytes(s);
  return any_kind + (source.mpeg ? tag_bytes(s) : 0);
}

}  // namespace audio
