#include "base/hash.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <array>

#include "base/error.h"
#include "base/text.h"

namespace mrun {

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new()) {}
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  EVP_MD_CTX *const evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (context_->evp == nullptr || EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) != 1) {
    fail(MRUN_MEMORY, "libcrypto cannot begin a SHA-256: out of memory, or it offers none");
  }
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view data) {
  if (EVP_DigestUpdate(context_->evp, data.data(), data.size()) != 1) fail(MRUN_INTERNAL, "SHA-256 failed");
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest;
  if (EVP_DigestFinal_ex(context_->evp, digest.data(), nullptr) != 1) fail(MRUN_INTERNAL, "SHA-256 failed");
  return mrun::hex({reinterpret_cast<const char *>(digest.data()), digest.size()});
}

std::string sha256_hex(std::string_view data) {
  Sha256 hash;
  hash.update(data);
  return hash.hex();
}

uint32_t crc32(std::string_view data, uint32_t previous) {
  return static_cast<uint32_t>(::crc32_z(previous, reinterpret_cast<const Bytef *>(data.data()), data.size()));
}

}  // namespace mrun
