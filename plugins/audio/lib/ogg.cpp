// OGG pages (RFC 3533): "OggS", version, flags, granule position, serial number, sequence number, CRC, segment table.
#include <algorithm>
#include <map>

#include "bytes.h"
#include "container.h"
#include "error.h"

namespace audio {
namespace {

constexpr size_t header_size = 27;
enum Flag : unsigned { continues = 1, begins = 2, ends = 4 };

struct Page {
  unsigned flags;
  uint32_t serial, sequence;
  size_t size;
};

// CRC-32 with the polynomial 04C11DB7, neither reflected nor inverted.
constexpr auto crc_table = [] {
  std::array<uint32_t, 256> t{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t r = i << 24;
    for (int k = 0; k < 8; ++k) r = (r & 0x80000000U) != 0 ? r << 1 ^ 0x04c11db7U : r << 1;
    t[i] = r;
  }
  return t;
}();

uint32_t page_crc(std::string_view page) {
  uint32_t crc = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    const bool own = i >= 22 && i < 26;  // its own field counts as zero
    const auto byte = own ? uint8_t{0} : static_cast<uint8_t>(page[i]);
    crc = crc << 8 ^ crc_table[(crc >> 24 ^ byte) & 255];
  }
  return crc;
}

Page page_at(std::string_view file, size_t at) {
  const std::string_view s = file.substr(at);
  if (s.size() < header_size) bad_input("the OGG is cut short: its last page is not whole");
  Page p{unsigned(number(s, 5, 1, false)), uint32_t(number(s, 14, 4, false)), uint32_t(number(s, 18, 4, false)), 0};
  const size_t segments = number(s, 26, 1, false);
  p.size = header_size + segments;
  for (size_t i = 0; i < segments && header_size + i < s.size(); ++i) p.size += number(s, header_size + i, 1, false);
  if (p.size > s.size()) bad_input("the OGG is cut short: its last page is not whole");
  if (page_crc(s.substr(0, p.size)) != number(s, 22, 4, false))
    bad_input("the OGG is damaged: the page at byte " + std::to_string(at) + " has a wrong checksum");
  return p;
}

}  // namespace

std::vector<Source> ogg_links(std::string_view file) {
  std::vector<Source> links;
  std::map<uint32_t, uint32_t> open;  // by serial number: the sequence number that comes next
  size_t begin = 0, at = 0;
  while (has(file, at, "OggS")) {
    const Page p = page_at(file, at);
    const auto stream = open.find(p.serial);
    if ((p.flags & begins) != 0) {
      open[p.serial] = p.sequence + 1;
    } else if (stream == open.end() || stream->second++ != p.sequence) {
      bad_input("the OGG is damaged: pages before byte " + std::to_string(at) + " are missing");
    }
    at += p.size;
    if ((p.flags & ends) != 0) open.erase(p.serial);
    if (open.empty()) {
      links.push_back({file.substr(begin, at - begin)});
      begin = at;
    }
  }
  if (links.size() > 1 && file.substr(0, 64).find("OpusHead") != file.npos)
    bad_input("the OGG has " + std::to_string(links.size()) + " Opus streams behind each other; wanted one");
  if (!open.empty()) bad_input("the OGG is cut short: its last page does not say that it is the last");
  return links;
}

OggPackets ogg_packets(std::string_view link) {
  constexpr size_t headers = 3;
  constexpr uint64_t goes_on = 255;  // a segment of this length does not end its packet
  OggPackets out;
  std::string packet;
  size_t length = 0;  // of the packet that is not yet ended
  bool open = false;
  for (size_t at = 0; at < link.size();) {
    const size_t segments = number(link, at + 26, 1, false);
    const bool ours = number(link, at + 14, 4, false) == number(link, 14, 4, false);
    bool lost = ours && !open && (number(link, at + 5, 1, false) & continues) != 0;  // the end of what has no beginning
    size_t from = at + header_size + segments;
    for (size_t i = 0; i < segments; ++i) {
      const size_t size = number(link, at + header_size + i, 1, false);
      const bool last = size != goes_on;
      if (ours && !lost) {
        if (out.first.size() < headers) packet += link.substr(from, size);
        out.longest = std::max(out.longest, length += size);
        open = !last;
        if (last && out.first.size() < headers) out.first.push_back(std::move(packet));
        if (last) packet.clear(), length = 0;
      }
      if (last) lost = false;
      from += size;
    }
    at = from;
  }
  return out;
}

}  // namespace audio
