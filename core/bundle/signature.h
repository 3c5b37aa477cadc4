// Signatures by OpenSSF Model Signing v1.0: a Sigstore bundle (JSON, v0.3) that holds a DSSE envelope over an in-toto
// statement, which lists each file with its SHA-256. SIGNATURES.md.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/key.h"

namespace mrun {

// What no signature lists: the standard's own list, and the file of the signatures. At the top of a folder alone.
inline constexpr const char *unsigned_paths[] = {".git", ".gitattributes", ".github", ".gitignore", "bundle.sig"};

// path -> SHA-256: what a signature is over.
using SignedFiles = std::map<std::string, std::string>;

// One signature as a line without newline. subject: a name for people, the model's.
std::string make_signature(const std::string &subject, const SignedFiles &, const PrivateKey &);

struct Signature {
  std::string key;        // fingerprint of the key it names; empty: it names none
  std::string payload;    // the statement's bytes
  std::string value;      // over the payload's pre-authentication encoding
  std::string line;       // the text it came from
  std::string unchecked;  // why no key is tried on it: it names a certificate; empty: one is
};
// bundle.sig: one signature a line, or a single one laid out over lines. Throws VERIFY with `where` in front.
std::vector<Signature> parse_signatures(std::string_view text, const std::string &where);
// What a statement lists, checked to be one of the standard in the form that is read here. Throws VERIFY.
SignedFiles read_statement(std::string_view payload, const std::string &where);
// Takes the text of a bundle.sig, or none: a signature by one of the keys holds and lists exactly these files. Gives the
// key's fingerprint; throws VERIFY with what is wrong.
std::string check_signatures(const std::string *text, const SignedFiles &, const std::vector<PublicKey> &,
                             const std::string &where);

// Every hash is checked first: of a .mb file its entries and the lock; of a folder all files in it, but bundle.sig and
// those of git, which the standard leaves out. Throws VERIFY for a link, which no signature covers.
class Container;
SignedFiles signed_entries(const Container &);
SignedFiles signed_folder(const std::filesystem::path &);

// A public key's file, or a folder: of its files those called NAME.pub, and those that hold a public key in PEM and no
// private one. Throws USAGE: no key in it, a NAME.pub that is none, a file of several.
std::vector<PublicKey> read_trusted_keys(const std::filesystem::path &);

// Writes a new private key (PEM, readable by its owner alone) and `path`.pub; gives the public key. Throws USAGE where one
// of the files is there already, but with `replace`.
PublicKey make_key(const std::filesystem::path &path, std::string_view algorithm, bool replace);
PrivateKey read_private_key(const std::filesystem::path &);
// Signs a .mb file or a bundle's folder and gives the key's fingerprint. Every hash is checked first; no other byte of an
// entry changes; signatures by other keys stay, an earlier one by this key is replaced.
std::string sign_bundle(const std::filesystem::path &, const PrivateKey &);

}  // namespace mrun
