#include "bundle/signature.h"

#include "base/text.h"
#include "bundle/commit.h"
#include "support.h"
#include "value/json.h"

using namespace mrun;
using namespace mrun::test;

namespace {

const fs::path vectors = fs::path(MRUN_TEST_DATA) / "signatures";

PublicKey vector_key() { return PublicKey::parse(read_text(vectors / "key.pub"), "key.pub"); }

const SignedFiles vector_files = {
    {"signme-1", "bc9a717db6064a32cbe9eae6fc40651dd6d36ef1757183f590eff2b1765d7ebc"},
    {"signme-2", "32dcb1f8e1ae52d5963e56a6ba06ab58b424c15ed2a6b70d2feca1d089370028"},
};

std::string replaced(std::string text, const std::string &what, const std::string &by) {
  const size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

std::string refused(const std::string &text, const SignedFiles &files, const std::vector<PublicKey> &keys) {
  const Error e = error_of([&] { check_signatures(&text, files, keys, "x.sig"); });
  CHECK(e.code == MRUN_VERIFY);
  return e.message;
}

}  // namespace

TEST_CASE("signature: the published ones of other tools hold") {
  for (const char *name : {"v1.0.1.sig", "v1.1.0.sig"}) {
    const std::string text = read_text(vectors / name);
    CHECK(check_signatures(&text, vector_files, {vector_key()}, name) == vector_key().fingerprint());
    SignedFiles changed = vector_files;
    changed["signme-2"][0] = '4';
    CHECK(contains(refused(text, changed, {vector_key()}), "signme-2 is not what was signed"));
    changed.erase("signme-2");
    CHECK(contains(refused(text, changed, {vector_key()}), "signme-2 was signed and is not there"));
    changed = vector_files;
    changed["signme-3"] = changed["signme-1"];
    CHECK(contains(refused(text, changed, {vector_key()}), "signme-3 is not among the files that were signed"));
  }
}

TEST_CASE("signature: what was made is read back, for both kinds of keys") {
  for (const char *algorithm : {"p256", "ed25519"}) {
    const PrivateKey key = PrivateKey::generate(algorithm);
    const PrivateKey again = PrivateKey::parse(key.pem(), "key");
    CHECK(again.public_key().fingerprint() == sha256_hex(key.public_key().pem()));
    const std::string text = make_signature("model", vector_files, again);
    CHECK(check_signatures(&text, vector_files, {vector_key(), key.public_key()}, "x") ==
          key.public_key().fingerprint());
    CHECK(contains(refused(text, vector_files, {vector_key()}), "no signature by a trusted key"));
    const std::string claimed = replaced(text, key.public_key().fingerprint(), vector_key().fingerprint());
    CHECK(contains(refused(claimed, vector_files, {vector_key()}), "does not hold"));
  }
}

TEST_CASE("signature: every changed byte of one is refused") {
  const PrivateKey key = PrivateKey::generate("p256");
  const std::string text = make_signature("model", vector_files, key);
  size_t held = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    try {
      check_signatures(&changed, vector_files, {key.public_key()}, "x");
      ++held;  // only what nothing depends on: the words tlogEntries, keyid and hint
    } catch (const Error &e) { CHECK(e.code == MRUN_VERIFY); }
  }
  CHECK(held <= std::string("tlogEntrieskeyidhint").size());
}

TEST_CASE("signature: what is no signature says why") {
  const PrivateKey key = PrivateKey::generate("p256");
  const std::string good = make_signature("model", vector_files, key);
  const std::vector<PublicKey> keys{key.public_key()};
  const std::pair<std::string, const char *> cases[] = {
      {"", "holds no signature"},
      {"\n\n", "holds no signature"},
      {"garbage", "x.sig: signature 1: line 1"},
      {"[]", "an object is wanted"},
      {good.substr(0, good.size() / 2), "x.sig: signature 1: line 1"},
      {replaced(good, "v0.3+json", "v0.1+json"), "mediaType"},
      {replaced(good, "in-toto+json", "other+json"), "payloadType"},
      {replaced(good, "publicKey", "x509CertificateChain"), "has no publicKey: a key, not a certificate, is wanted"},
      {replaced(good, "\"sig\":\"", "\"sig\":\"*"), "sig is not base64"},
      {replaced(good, "[{\"keyid\"", "[{}, {\"keyid\""), "holds 2 signatures; one is wanted"},
      {good + "\n{}", "signature 2: has no mediaType"},
  };
  for (const auto &[text, message] : cases) {
    INFO(text);
    CHECK(contains(refused(text, vector_files, keys), message));
  }
  CHECK(error_of([&] { check_signatures(nullptr, vector_files, keys, "x.sig"); }).code == MRUN_VERIFY);
}

TEST_CASE("signature: statements that are none of the standard") {
  const Signature good =
      parse_signatures(make_signature("model", vector_files, PrivateKey::generate("p256")), "x").front();
  CHECK(read_statement(good.payload, "x") == vector_files);
  const std::pair<std::string, const char *> cases[] = {
      {"garbage", "x: line 1"},
      {"{}", "has no _type"},
      {replaced(good.payload, "Statement/v1", "Statement/v0.1"), "_type"},
      {replaced(good.payload, "signature/v1.0", "signature/v2.0"), "predicateType"},
      {replaced(good.payload, "\"files\"", "\"shards\""), "method"},
      {replaced(good.payload, "\"hash_type\":\"sha256\"", "\"hash_type\":\"blake2b\""), "hash_type"},
      {replaced(good.payload, "\"algorithm\":\"sha256\"", "\"algorithm\":\"blake2b\""), "its algorithm is not sha256"},
      {replaced(good.payload, "bc9a", "bc9b"), "its digest is not that of the files it lists"},
      {replaced(good.payload, "bc9a", "BC9A"), "its digest is no SHA-256"},
      {replaced(good.payload, "signme-2", "signme-1"), "not listed once each, by name"},
      {replaced(good.payload, "signme-2", "signme-0"), "not listed once each, by name"},
      {replaced(good.payload, "\"resources\":[", "\"resources\":[],\"x\":["), "lists no files"},
  };
  for (const auto &[payload, message] : cases) {
    INFO(payload);
    const Error e = error_of([&, text = payload] { read_statement(text, "x"); });
    CHECK(e.code == MRUN_VERIFY);
    CHECK(contains(e.message, message));
  }
}

TEST_CASE("signature: keys of other kinds, and keys for the other purpose") {
  const PrivateKey key = PrivateKey::generate("p256");
  const auto message = [](auto parse, const std::string &text) {
    const Error e = error_of([&] { parse(text, "k"); });
    CHECK(e.code == MRUN_USAGE);
    return e.message;
  };
  CHECK(contains(message(PublicKey::parse, key.pem()), "is a private key; the public one is wanted"));
  CHECK(contains(message(PrivateKey::parse, key.public_key().pem()), "is a public key; the private one is wanted"));
  for (const char *text : {"", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}) {
    CHECK(contains(message(PublicKey::parse, text), "is no public key"));
    CHECK(contains(message(PrivateKey::parse, std::string("x") + text[0]), "is no private key"));
  }
  CHECK(error_of([] { PrivateKey::generate("rsa"); }).code == MRUN_USAGE);
}

TEST_CASE("signature: a bundle is opened with trusted keys alone where it is signed by one") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  const PrivateKey key = PrivateKey::generate("p256"), other = PrivateKey::generate("ed25519");
  const auto open = [&](std::vector<PublicKey> keys) {
    return Bundle::open(path, {.revision = {}, .verify = false, .trusted = std::move(keys)});
  };
  CHECK(contains(error_of([&] { open({key.public_key()}); }).message, "this bundle is not signed"));
  const std::string digest = Bundle::open(path)->digest();
  CHECK(sign_bundle(path, key) == key.public_key().fingerprint());
  const std::string once = read_text(path);
  CHECK(open({key.public_key()})->signed_by() == key.public_key().fingerprint());
  CHECK(open({key.public_key()})->digest() == digest);
  CHECK(Bundle::open(path)->signed_by().empty());
  CHECK(error_of([&] { open({other.public_key()}); }).code == MRUN_VERIFY);
  sign_bundle(path, other);
  CHECK(open({other.public_key()})->signed_by() == other.public_key().fingerprint());
  CHECK(open({key.public_key()})->signed_by() == key.public_key().fingerprint());
  sign_bundle(path, other);
  CHECK(parse_signatures(*Bundle::open(path)->signatures(), "x").size() == 2);
  // Up to the entry of the signatures nothing is another byte.
  const std::string twice = read_text(path);
  const Container container(file_source(open_file(path), "x"));
  const Item &signatures = *container.find("bundle.sig");
  CHECK(once.substr(0, signatures.header) == twice.substr(0, signatures.header));
  commit_revision(path, {{"bundle.toml", std::string("[bundle]\nname = \"y\"\n")}}, {});
  CHECK(contains(error_of([&] { open({key.public_key()}); }).message, "this bundle is not signed"));
  sign_bundle(path, key);
  CHECK(open({key.public_key()})->text("bundle.toml") == "[bundle]\nname = \"y\"\n");
}

TEST_CASE("signature: a damaged bundle is not signed, and one that was changed afterwards is not opened") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  const PrivateKey key = PrivateKey::generate("p256");
  const std::string good = read_text(path);
  std::string bad = good;
  bad[bad.find(std::string(50, 'w'))] = 'v';  // a weight: no hash of it is looked at before it is asked for
  write_text(path, bad);
  CHECK(error_of([&] { sign_bundle(path, key); }).code == MRUN_VERIFY);
  CHECK(read_text(path) == bad);
  write_text(path, good);
  sign_bundle(path, key);
  bad = read_text(path);
  bad[bad.find(std::string(50, 'w'))] = 'v';
  write_text(path, bad);
  CHECK(Bundle::open(path) != nullptr);
  const Error e =
      error_of([&] { Bundle::open(path, {.revision = {}, .verify = false, .trusted = {key.public_key()}}); });
  CHECK(e.code == MRUN_VERIFY);
  CHECK(contains(e.message, "model/main.safetensors is damaged or was changed"));
}
