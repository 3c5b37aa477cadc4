// What a Vorbis stream (Vorbis I specification, chapter 4) makes libvorbis take from the system.
#pragma once
#include <cstdint>
#include <string_view>

namespace audio {

// At most, by the stream's first packet and its setup header: codebooks, tables of the residues, blocks of all channels.
// A few bytes may ask for gigabytes. Throws Error (input) where that is more than any encoder does, and for a header that
// libvorbis would not take.
int64_t vorbis_bytes(std::string_view first, std::string_view setup);

}  // namespace audio
