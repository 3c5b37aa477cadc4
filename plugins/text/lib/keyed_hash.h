// Hashes under a key of this process: who writes a vocabulary cannot make its entries collide, which would let a few
// megabytes take minutes to read. No answer may depend on the order of what is hashed.
#pragma once
#include <sys/random.h>
#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace text {

class KeyedHash {
 public:
  static uint64_t of(uint64_t key) { return fold(key ^ secret_.first, secret_.second); }

  // Sixteen bytes a step; what is left is read as two words that may overlap, or as bytes.
  static uint64_t of(std::string_view s) {
    const char *p = s.data();
    size_t left = s.size();
    uint64_t h = secret_.third ^ left;
    for (; left > 16; p += 16, left -= 16) h = fold(word(p) ^ secret_.first, word(p + 8) ^ h);
    uint64_t low = 0, high = 0;
    if (left >= 8) {
      low = word(p);
      high = word(p + left - 8);
    } else if (left > 0) {
      std::memcpy(&low, p, left);
    }
    return fold(fold(low ^ secret_.first, high ^ h), secret_.second);
  }

 private:
  // The halves of the product, one over the other (as in wyhash, by Wang Yi): each bit depends on all of both.
  static uint64_t fold(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return uint64_t(product) ^ uint64_t(product >> 64);
  }
  static uint64_t word(const char *p) {
    uint64_t w;
    std::memcpy(&w, p, sizeof w);
    return w;
  }
  struct Secret {
    Secret() {
      // Where the system gives no chance, the place of this code, which differs from process to process, has to do.
      if (getrandom(this, sizeof *this, GRND_NONBLOCK) != ssize_t(sizeof *this)) first = uint64_t(&secret_);
      second |= 1;  // a product with zero would forget the other factor
    }
    uint64_t first = 0, second = 0x9e3779b97f4a7c15, third = 0;
  };
  static inline const Secret secret_;
};

}  // namespace text
