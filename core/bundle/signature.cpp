#include "bundle/signature.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "bundle/lock.h"
#include "value/json.h"

namespace mrun {
namespace {

constexpr const char *media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr const char *payload_type = "application/vnd.in-toto+json";
constexpr const char *statement_type = "https://in-toto.io/Statement/v1";
constexpr const char *predicate_type = "https://model_signing/signature/v1.0";
constexpr size_t json_depth = 16;

using Map = std::vector<std::pair<std::string, Value>>;

Value text(std::string_view s) { return Value::string(s); }

// DSSE's pre-authentication encoding: what is signed.
std::string encoded(std::string_view payload) {
  const std::string_view type = payload_type;
  return fmt::format("DSSEv1 {} {} {} {}", type.size(), type, payload.size(), payload);
}

std::string unhex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(value(digits[i]) << 4 | value(digits[i + 1]));
  }
  return out;
}

// The standard's digest of all files: SHA-256 of their digests' bytes, in the order of the names.
std::string root_digest(const SignedFiles &files) {
  Sha256 hash;
  for (const auto &[name, sha256] : files) hash.update(unhex(sha256));
  return hash.hex();
}

std::string statement(const std::string &subject, const SignedFiles &files) {
  std::vector<Value> resources, paths;
  for (const auto &[name, sha256] : files) {
    resources.push_back(Value::map({{"name", text(name)}, {"algorithm", text("sha256")}, {"digest", text(sha256)}}));
  }
  for (const char *path : unsigned_paths) paths.push_back(text(path));
  const Value serialization = Value::map({{"method", text("files")},
                                          {"hash_type", text("sha256")},
                                          {"allow_symlinks", Value::boolean(false)},
                                          {"ignore_paths", Value::list(std::move(paths))}});
  const Value digest = Value::map({{"sha256", text(root_digest(files))}});
  return to_json(Value::map({{"_type", text(statement_type)},
                             {"subject", Value::list({Value::map({{"name", text(subject)}, {"digest", digest}})})},
                             {"predicateType", text(predicate_type)},
                             {"predicate", Value::map({{"serialization", serialization},
                                                       {"resources", Value::list(std::move(resources))}})}}));
}

// Reads what must be there.
class Fields {
 public:
  Fields(const Value &map, std::string where) : map_(map), where_(std::move(where)) {
    if (!map.is_map()) refuse("an object is wanted");
  }
  [[noreturn]] void refuse(std::string_view why) const { fail(MRUN_VERIFY, "{}: {}", where_, why); }

  const Value &get(const char *key, bool (Value::*is)() const noexcept, const char *what) const {
    const Value *v = map_.find(key);
    if (v == nullptr || !(v->*is)()) refuse(fmt::format("has no {}: {} is wanted", key, what));
    return *v;
  }
  Fields object(const char *key) const { return {get(key, &Value::is_map, "an object"), where_}; }
  std::string_view string(const char *key) const { return get(key, &Value::is_string, "a text").as_string(); }
  std::span<const Value> list(const char *key) const { return get(key, &Value::is_list, "a list").as_list(); }
  std::string bytes(const char *key) const {
    const auto decoded = unbase64(string(key));
    if (!decoded) refuse(fmt::format("{} is not base64", key));
    return *decoded;
  }
  void want(const char *key, std::string_view wanted) const {
    const std::string_view is = string(key);
    if (is != wanted) refuse(fmt::format("{} is \"{}\"; this mrun knows \"{}\"", key, printable(is, 100), wanted));
  }

 private:
  const Value &map_;
  const std::string where_;
};

constexpr const char *wanted_key = "a key, not a certificate,";

// One that names a certificate is somebody else's affair: it keeps nobody from the signatures beside it.
bool names_certificate(const Value &material) {
  if (material.find("publicKey") != nullptr) return false;
  return material.find("certificate") != nullptr || material.find("x509CertificateChain") != nullptr;
}

// The fingerprint that it names; older makers wrote the key itself instead, which nobody need believe.
std::string named_key(const Fields &material) {
  const Value *hint = material.get("publicKey", &Value::is_map, wanted_key).find("hint");
  return hint != nullptr && hint->is_string() ? std::string(hint->as_string()) : "";
}

Signature parse_signature(std::string_view line, const std::string &where) {
  const Value value = parse_json(line, {.name = where, .code = MRUN_VERIFY, .depth = json_depth});
  const Fields bundle(value, where);
  bundle.want("mediaType", media_type);
  const Fields envelope = bundle.object("dsseEnvelope");
  envelope.want("payloadType", payload_type);
  const auto signatures = envelope.list("signatures");
  if (signatures.size() != 1) envelope.refuse(fmt::format("holds {} signatures; one is wanted", signatures.size()));
  const Value &material = bundle.get("verificationMaterial", &Value::is_map, "an object");
  const bool certified = names_certificate(material);
  return {certified ? "" : named_key({material, where}), envelope.bytes("payload"),
          Fields(signatures[0], where).bytes("sig"), to_json(value),
          certified ? fmt::format("{}: has no publicKey: {} is wanted", where, wanted_key) : ""};
}

constexpr const char *blanks = " \t\r\n";

bool blank(std::string_view s) { return s.find_first_not_of(blanks) == std::string_view::npos; }

// A line that is an object of its own is one signature; other tools lay a single one out over several.
bool one_a_line(std::string_view all) {
  const size_t begin = all.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return true;
  const std::string_view first = all.substr(begin, all.find('\n', begin) - begin);
  return first[first.find_last_not_of(blanks)] == '}';
}

SignedFiles read_resources(const Fields &predicate, const std::string &where) {
  SignedFiles files;
  std::string last;
  for (const Value &v : predicate.list("resources")) {
    const Fields resource(v, where);
    const std::string name(resource.string("name"));
    const std::string shown = printable(name);
    if (resource.string("algorithm") != "sha256")
      predicate.refuse(fmt::format("{}: its algorithm is not sha256", shown));
    if (!is_digest(resource.string("digest"))) predicate.refuse(fmt::format("{}: its digest is no SHA-256", shown));
    if (name.empty() || (!files.empty() && name <= last)) {
      predicate.refuse(fmt::format("{}: its files are not listed once each, by name", shown));
    }
    files.emplace(name, resource.string("digest"));
    last = name;
  }
  if (files.empty()) predicate.refuse("lists no files");
  return files;
}

// Why the files are not those that were signed; empty where they are.
std::string difference(const SignedFiles &listed, const SignedFiles &there) {
  for (const auto &[name, sha256] : there) {
    const auto found = listed.find(name);
    if (found == listed.end()) return fmt::format("{} is not among the files that were signed", printable(name));
    if (found->second != sha256) return fmt::format("{} is not what was signed: its SHA-256 differs", printable(name));
  }
  for (const auto &[name, sha256] : listed) {
    if (there.count(name) == 0) return fmt::format("{} was signed and is not there", printable(name));
  }
  return {};
}

std::string short_names(const std::set<std::string> &keys) {
  std::string names;
  for (const std::string &key : keys) {
    names += (names.empty() ? "" : ", ") + (key.empty() ? "a key it does not name" : printable(key, 16));
  }
  return names;
}

}  // namespace

std::string make_signature(const std::string &subject, const SignedFiles &files, const PrivateKey &key) {
  const std::string payload = statement(subject, files);
  const Value signature = Value::map({{"sig", text(base64(key.sign(encoded(payload))))}, {"keyid", text("")}});
  const Value material = Value::map(
      {{"publicKey", Value::map({{"hint", text(key.public_key().fingerprint())}})}, {"tlogEntries", Value::list({})}});
  return to_json(Value::map({{"mediaType", text(media_type)},
                             {"verificationMaterial", material},
                             {"dsseEnvelope", Value::map({{"payload", text(base64(payload))},
                                                          {"payloadType", text(payload_type)},
                                                          {"signatures", Value::list({signature})}})}}));
}

std::vector<Signature> parse_signatures(std::string_view all, const std::string &where) {
  std::vector<Signature> signatures;
  const bool lines = one_a_line(all);
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = lines ? std::min(all.find('\n', begin), all.size()) : all.size();
    const std::string_view line = all.substr(begin, end - begin);
    if (!blank(line)) {
      signatures.push_back(parse_signature(line, fmt::format("{}: signature {}", where, signatures.size() + 1)));
    }
    begin = end + 1;
  }
  if (signatures.empty()) fail(MRUN_VERIFY, "{}: holds no signature", where);
  return signatures;
}

SignedFiles read_statement(std::string_view payload, const std::string &where) {
  const Value value = parse_json(payload, {.name = where, .code = MRUN_VERIFY, .depth = json_depth});
  const Fields statement(value, where);
  statement.want("_type", statement_type);
  statement.want("predicateType", predicate_type);
  const Fields predicate = statement.object("predicate"), serialization = predicate.object("serialization");
  serialization.want("method", "files");
  serialization.want("hash_type", "sha256");
  SignedFiles files = read_resources(predicate, where);
  const auto subjects = statement.list("subject");
  if (subjects.size() != 1) statement.refuse("has not one subject");
  if (Fields(subjects[0], where).object("digest").string("sha256") != root_digest(files)) {
    statement.refuse("its digest is not that of the files it lists");
  }
  return files;
}

std::string check_signatures(const std::string *all, const SignedFiles &files, const std::vector<PublicKey> &keys,
                             const std::string &where) {
  if (all == nullptr) {
    const bool once = std::any_of(files.begin(), files.end(), [](const auto &file) {
      return file.first.starts_with("history/") && file.first.ends_with(".sig");
    });
    fail(MRUN_VERIFY, "{}: is missing: this bundle is not signed, and a signature is wanted{}", where,
         once ? "; an earlier revision was: whoever commits signs anew" : "");
  }
  std::set<std::string> signers, trusted;
  std::string why, unchecked;
  for (const Signature &s : parse_signatures(*all, where)) {
    if (!s.unchecked.empty()) {
      unchecked = s.unchecked;
      continue;
    }
    signers.insert(s.key);
    for (const PublicKey &key : keys) {
      trusted.insert(key.fingerprint());
      if (!s.key.empty() && s.key != key.fingerprint()) continue;
      if (!key.verifies(encoded(s.payload), s.value)) {
        if (!s.key.empty()) why = fmt::format("the signature by {} does not hold", key.fingerprint().substr(0, 16));
        continue;
      }
      why = difference(read_statement(s.payload, where), files);
      if (why.empty()) return key.fingerprint();
    }
  }
  if (!why.empty()) fail(MRUN_VERIFY, "{}: {}", where, why);
  if (signers.empty()) fail(MRUN_VERIFY, "{}", unchecked);
  fail(MRUN_VERIFY, "{}: no signature by a trusted key: it is signed by {}, trusted {} {}", where, short_names(signers),
       trusted.size() == 1 ? "is" : "are", short_names(trusted));
}

}  // namespace mrun
