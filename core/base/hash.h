// SHA-256 (libcrypto) and CRC-32 as ZIP has it (zlib).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mrun {

// In steps: update with the bytes in their order, then hex once. Throws MEMORY, INTERNAL where libcrypto cannot.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256 &) = delete;
  Sha256 &operator=(const Sha256 &) = delete;
  void update(std::string_view);
  std::string hex();  // 64 lower-case digits; ends the calculation

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view);
uint32_t crc32(std::string_view, uint32_t previous = 0);  // previous: of the bytes before these

}  // namespace mrun
