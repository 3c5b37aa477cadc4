#include "vorbis.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "bytes.h"
#include "error.h"

namespace audio {
namespace {

// Encoders write books of up to 6,561 entries. libvorbis sorts one on its stack, with 12 bytes an entry.
constexpr uint32_t most_entries = 1 << 15;
constexpr int64_t most_bytes = int64_t(1) << 26;

[[noreturn]] void damaged(const std::string &what) { bad_input("the OGG's Vorbis setup header is damaged: " + what); }

class Bits {
 public:
  explicit Bits(std::string_view bytes) : bytes_(bytes) {}

  void skip(uint64_t count) {
    if (count > bytes_.size() * 8 - at_) damaged("it ends too early");
    at_ += size_t(count);
  }
  uint32_t read(int count) {  // the lowest bit first, up to 32
    const size_t from = at_;
    skip(uint64_t(count));
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const size_t bit = from + size_t(i);
      const auto byte = static_cast<unsigned char>(bytes_[bit / 8]);
      value |= uint32_t(byte >> bit % 8 & 1) << i;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

struct Book {
  uint32_t dimensions, entries;
};

// The lengths of the code words: one an entry, with or without marks for entries that are not used, or how many there
// are of each length.
void skip_lengths(Bits &bits, uint32_t entries) {
  constexpr int length_bits = 5;
  constexpr uint32_t longest = 32;
  if (bits.read(1) == 0) {
    if (bits.read(1) == 0) return bits.skip(uint64_t(entries) * length_bits);
    for (uint32_t i = 0; i < entries; ++i)
      if (bits.read(1) != 0) bits.skip(length_bits);
    return;
  }
  uint32_t length = bits.read(length_bits) + 1;
  for (uint32_t done = 0; done < entries; ++length) {
    const uint32_t count = bits.read(std::bit_width(entries - done));
    if (length > longest || count > entries - done) damaged("a codebook has lengths that cannot be");
    done += count;
  }
}

// How many values a lattice of so many entries has along each of its dimensions: the greatest v whose power is no more.
uint32_t lattice_values(const Book &b) {
  const auto fits = [&](uint64_t v) {
    uint64_t power = 1;
    for (uint32_t i = 0; i < b.dimensions && power <= b.entries; ++i) power *= v;
    return power <= b.entries;
  };
  uint32_t v = 0;
  while (b.dimensions > 0 && v < b.entries && fits(v + 1)) ++v;
  return v;
}

// Adds what the book takes: per entry a length, a code word, its number and, while they are sorted, as much again.
Book read_book(Bits &bits, int64_t &bytes) {
  constexpr uint32_t sync = 0x564342;
  constexpr int most_size_bits = 24;
  if (bits.read(24) != sync) damaged("a codebook does not begin where it must");
  Book b{};
  b.dimensions = bits.read(16);
  b.entries = bits.read(24);
  if (b.entries > most_entries)
    bad_input("the OGG has a Vorbis codebook of " + std::to_string(b.entries) + " entries; wanted at most " +
              std::to_string(most_entries));
  if (std::bit_width(b.dimensions) + std::bit_width(b.entries) > most_size_bits) damaged("a codebook is too large");
  skip_lengths(bits, b.entries);
  bytes += 2048 + int64_t(b.entries) * 32;
  const uint32_t lookup = bits.read(4);
  if (lookup == 0) return b;
  if (lookup > 2) damaged("a codebook has values of an unknown kind");
  bits.skip(64);  // the least value and the step
  const uint32_t width = bits.read(4) + 1;
  bits.skip(1);
  const int64_t all = int64_t(b.entries) * b.dimensions, written = lookup == 1 ? lattice_values(b) : all;
  bits.skip(uint64_t(written) * width);
  bytes += written * int64_t(sizeof(long)) + all * int64_t(sizeof(float));
  return b;
}

void skip_floor0(Bits &bits) {
  bits.skip(8 + 16 + 16 + 6 + 8);
  const uint32_t books = bits.read(4) + 1;
  bits.skip(uint64_t(books) * 8);
}

void skip_floor1(Bits &bits) {
  std::vector<uint32_t> classes(bits.read(5));
  uint32_t count = 0;
  for (uint32_t &c : classes) {
    c = bits.read(4);
    count = std::max(count, c + 1);
  }
  std::vector<uint32_t> dimensions(count);
  for (uint32_t &d : dimensions) {
    d = bits.read(3) + 1;
    const uint32_t subclasses = bits.read(2);
    if (subclasses != 0) bits.skip(8);
    bits.skip(uint64_t(8) << subclasses);
  }
  bits.skip(2);
  const uint32_t width = bits.read(4);
  for (const uint32_t c : classes) bits.skip(uint64_t(dimensions[c]) * width);
}

// Adds the table of what each entry of the residue's own book stands for: partitions to the power of its dimensions.
void read_residue(Bits &bits, const std::vector<Book> &books, int64_t &bytes) {
  if (bits.read(16) > 2) damaged("a residue is of an unknown kind");
  bits.skip(24 + 24 + 24);
  const uint32_t partitions = bits.read(6) + 1, number = bits.read(8);
  int stages = 0;
  for (uint32_t i = 0; i < partitions; ++i) {
    uint32_t cascade = bits.read(3);
    if (bits.read(1) != 0) cascade |= bits.read(5) << 3;
    stages += std::popcount(cascade);
  }
  bits.skip(uint64_t(stages) * 8);
  if (number >= books.size() || books[number].dimensions == 0) damaged("a residue has no codebook");
  const Book &b = books[number];
  int64_t values = 1;
  for (uint32_t i = 0; i < b.dimensions; ++i) {
    values *= partitions;
    if (values > b.entries) damaged("a residue's codebook is too small for it");
  }
  bytes += 16384 + values * int64_t(48 + sizeof(int) * b.dimensions);
}

}  // namespace

int64_t vorbis_bytes(std::string_view first, std::string_view setup) {
  constexpr size_t name = 7;  // "\1vorbis", "\5vorbis"
  if (first.size() < 30) bad_input("the OGG's first Vorbis header is cut short");
  const auto channels = int64_t(number(first, 11, 1, false));
  const int64_t block = int64_t(1) << (number(first, 28, 1, false) >> 4);
  int64_t bytes = 1 << 20;  // mappings, modes, windows, transforms
  Bits bits(setup.substr(name));
  std::vector<Book> books(bits.read(8) + 1);
  uint32_t widest = 0;
  for (Book &b : books) {
    b = read_book(bits, bytes);
    widest = std::max(widest, b.dimensions);
  }
  for (uint32_t i = bits.read(6) + 1; i > 0; --i)
    if (bits.read(16) != 0) damaged("it has times of an unknown kind");
  for (uint32_t i = bits.read(6) + 1; i > 0; --i) {
    const uint32_t kind = bits.read(16);
    if (kind > 1) damaged("a floor is of an unknown kind");
    kind == 0 ? skip_floor0(bits) : skip_floor1(bits);
    bytes += 8192 + block * int64_t(2 * sizeof(int));
  }
  for (uint32_t i = bits.read(6) + 1; i > 0; --i) read_residue(bits, books, bytes);
  bytes += channels * (24 * block + 8 * int64_t(widest) + 8192);
  if (bytes > most_bytes)
    bad_input("the OGG's Vorbis setup header may take " + std::to_string(bytes) + " bytes; wanted at most " +
              std::to_string(most_bytes));
  return bytes;
}

}  // namespace audio
