// A bundle.sig is refused by an Error of one line, or each of its signatures can be written and read again; so are the
// statement in one, and keys. Nothing that was not signed by the key is taken.
#include "bundle/signature.h"

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mrun;

namespace {

template <class Check>
void refused_or(mrun_code code, const Check &check) {
  try {
    check();
  } catch (const Error &e) {
    FUZZ_CHECK(e.code == code && e.message.find('\n') == std::string::npos && valid_utf8(e.message));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const PublicKey key = PrivateKey::generate("p256").public_key();
  const std::string text(reinterpret_cast<const char *>(data), size);
  refused_or(MRUN_VERIFY, [&] {
    for (const Signature &s : parse_signatures(text, "fuzz")) {
      const auto again = parse_signatures(s.line, "fuzz");
      FUZZ_CHECK(again.size() == 1 && again[0].line == s.line && again[0].payload == s.payload);
      refused_or(MRUN_VERIFY, [&] { read_statement(s.payload, "fuzz"); });
    }
  });
  refused_or(MRUN_VERIFY, [&] { FUZZ_CHECK(!read_statement(text, "fuzz").empty()); });
  refused_or(MRUN_VERIFY, [&] {
    check_signatures(&text, {{"a", std::string(64, '0')}}, {key}, "fuzz");
    FUZZ_CHECK(!"taken without a signature by the key");
  });
  refused_or(MRUN_USAGE,
             [&] { FUZZ_CHECK(PublicKey::parse(text, "fuzz").pem().starts_with("-----BEGIN PUBLIC KEY")); });
  refused_or(MRUN_USAGE, [&] { PrivateKey::parse(text, "fuzz"); });
  return 0;
}
