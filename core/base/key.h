// Keys that sign: ECDSA over P-256 (and P-384, P-521, as others may have) and Ed25519, by libcrypto. Texts are PEM:
// PKCS#8 for private keys, SubjectPublicKeyInfo for public ones. Immutable, any thread.
#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace mrun {

// Whether a file's text holds public keys in PEM, and no private one.
bool holds_public_key(std::string_view text);

class PublicKey {
 public:
  // Throws USAGE, with `where` in front, for what is no public key of these kinds, or several.
  static PublicKey parse(std::string_view pem, const std::string &where);
  // ECDSA's signatures are DER; its digest is the one of the curve's size.
  bool verifies(std::string_view message, std::string_view signature) const;  // false also for what is no signature
  const std::string &pem() const { return pem_; }
  // SHA-256 of its PEM text in hex: what OpenSSF Model Signing names a key by.
  const std::string &fingerprint() const { return fingerprint_; }

 private:
  friend class PrivateKey;
  explicit PublicKey(std::shared_ptr<evp_pkey_st>);
  std::shared_ptr<evp_pkey_st> key_;
  std::string pem_, fingerprint_;
};

class PrivateKey {
 public:
  // algorithm: "p256" or "ed25519"; throws USAGE for another word.
  static PrivateKey generate(std::string_view algorithm);
  // Throws USAGE, with `where` in front, for what is no private key of these kinds, or is encrypted.
  static PrivateKey parse(std::string_view pem, const std::string &where);
  std::string sign(std::string_view message) const;  // what PublicKey::verifies takes; ECDSA's differ from time to time
  std::string pem() const;                           // as it is, without a passphrase
  PublicKey public_key() const { return PublicKey(key_); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace mrun
