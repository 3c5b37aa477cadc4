#include "base/key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/hash.h"

namespace mrun {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Bio = std::unique_ptr<BIO, int (*)(BIO *)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)>;

constexpr const char *begin_public = "-----BEGIN PUBLIC KEY-----";
constexpr const char *wanted = "want one of P-256, P-384, P-521 or Ed25519 in PEM";

[[noreturn]] void fail_crypto(const char *what) {
  ERR_clear_error();
  fail(MRUN_INTERNAL, "libcrypto: {} failed", what);
}

Key adopt(EVP_PKEY *key) { return Key(key, EVP_PKEY_free); }

Bio reader(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  if (!bio) fail_crypto("reading a key");
  return bio;
}

std::string written(BIO *bio) {
  char *data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

// Nobody is asked for a passphrase.
int no_passphrase(char *, int, int, void *asked) {
  *static_cast<bool *>(asked) = true;
  return -1;
}

// The digest that a key signs with, null for Ed25519; false for keys that are not taken.
bool digest_of(const EVP_PKEY *key, const EVP_MD **digest) {
  *digest = nullptr;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return true;
  char curve[64] = {};
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, curve, sizeof curve, nullptr) != 1) {
    return false;
  }
  const std::string_view name(curve);
  *digest = name == "prime256v1"  ? EVP_sha256()
            : name == "secp384r1" ? EVP_sha384()
            : name == "secp521r1" ? EVP_sha512()
                                  : nullptr;
  return *digest != nullptr;
}

const EVP_MD *known_digest(const EVP_PKEY *key) {
  const EVP_MD *digest = nullptr;
  if (!digest_of(key, &digest)) fail(MRUN_INTERNAL, "a key of a kind that is not taken");
  return digest;
}

void refuse_other_kinds(const EVP_PKEY *key, const std::string &where) {
  const EVP_MD *digest = nullptr;
  const char *kind = EVP_PKEY_get0_type_name(key);
  if (!digest_of(key, &digest)) {
    fail(MRUN_USAGE, "{}: a key of another kind ({}); {}", where, kind == nullptr ? "unknown" : kind, wanted);
  }
}

// A key has one name, however its file wrote it: OpenSSL would write a compressed point, or a curve spelled out, as it was.
void write_as_others(EVP_PKEY *key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return;
  if (EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1 ||
      EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) != 1) {
    fail_crypto("naming a key's curve");
  }
}

DigestContext new_context() {
  DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context) fail_crypto("making a context");
  return context;
}

const unsigned char *bytes(std::string_view s) { return reinterpret_cast<const unsigned char *>(s.data()); }

bool holds(std::string_view text, const char *mark) { return text.find(mark) != std::string_view::npos; }
bool holds_private_key(std::string_view text) { return holds(text, "PRIVATE KEY-----"); }

}  // namespace

PublicKey::PublicKey(Key key) : key_(std::move(key)) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) fail_crypto("writing a public key");
  pem_ = written(bio.get());
  fingerprint_ = sha256_hex(pem_);
}

bool holds_public_key(std::string_view text) { return holds(text, begin_public) && !holds_private_key(text); }

PublicKey PublicKey::parse(std::string_view pem, const std::string &where) {
  if (holds_private_key(pem)) fail(MRUN_USAGE, "{}: is a private key; the public one is wanted here", where);
  // OpenSSL reads the first alone: a signature by another would count for nobody.
  if (const size_t first = pem.find(begin_public); first != pem.rfind(begin_public)) {
    fail(MRUN_USAGE, "{}: holds several public keys; one a file is wanted", where);
  }
  Key key = adopt(PEM_read_bio_PUBKEY(reader(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!key) fail(MRUN_USAGE, "{}: is no public key; {}", where, wanted);
  refuse_other_kinds(key.get(), where);
  write_as_others(key.get());
  return PublicKey(std::move(key));
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  const DigestContext context = new_context();
  if (EVP_DigestVerifyInit(context.get(), nullptr, known_digest(key_.get()), nullptr, key_.get()) != 1) {
    fail_crypto("checking a signature");
  }
  const int result =
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message), message.size());
  ERR_clear_error();
  return result == 1;
}

PrivateKey PrivateKey::generate(std::string_view algorithm) {
  Key key;
  if (algorithm == "p256") {
    key = adopt(EVP_EC_gen("P-256"));
  } else if (algorithm == "ed25519") {
    key = adopt(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  } else {
    fail(MRUN_USAGE, "algorithm {}: want p256 or ed25519", algorithm);
  }
  if (!key) fail_crypto("making a key");
  return PrivateKey(std::move(key));
}

PrivateKey PrivateKey::parse(std::string_view pem, const std::string &where) {
  if (holds(pem, "PUBLIC KEY-----") && !holds_private_key(pem)) {
    fail(MRUN_USAGE, "{}: is a public key; the private one is wanted here", where);
  }
  bool encrypted = false;
  Key key = adopt(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_passphrase, &encrypted));
  ERR_clear_error();
  if (encrypted) {
    fail(MRUN_USAGE, "{}: is encrypted; a key without a passphrase is wanted (openssl pkey -in FILE -out PLAIN)",
         where);
  }
  if (!key) fail(MRUN_USAGE, "{}: is no private key; {}", where, wanted);
  refuse_other_kinds(key.get(), where);
  write_as_others(key.get());
  return PrivateKey(std::move(key));
}

std::string PrivateKey::sign(std::string_view message) const {
  const DigestContext context = new_context();
  size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, known_digest(key_.get()), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes(message), message.size()) != 1) {
    fail_crypto("signing");
  }
  std::string signature(size, '\0');
  auto *out = reinterpret_cast<unsigned char *>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, bytes(message), message.size()) != 1) fail_crypto("signing");
  signature.resize(size);
  return signature;
}

std::string PrivateKey::pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()), BIO_free);
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    fail_crypto("writing a private key");
  }
  return written(bio.get());
}

}  // namespace mrun
