#include "budget.h"
#include "polling.h"
#include "tokenizer_arguments.h"

const mrun_type mrun::type_of<text::Tokenizer>::info{
    sizeof(mrun_type),
    MRUN_TYPE_SHAREABLE,
    "text.Tokenizer",
    "A tokenizer in Hugging Face's format, made by text.tokenizer_json.",
    [](void *self) { delete static_cast<text::Tokenizer *>(self); },
    nullptr,
};

namespace text {
namespace {

std::unique_ptr<Tokenizer> open(const mrun::call &c, const mrun::tensor &json) {
  const Limits limits(c);
  const mrun::bytes bytes(c, json, "text.tokenizer_json");
  c.charge(int64_t(bytes.size()) * 20);
  return std::make_unique<Tokenizer>(bytes.view());
}

std::string decode(const mrun::call &c, const Tokenizer &self, const mrun::value &ids, bool skip_special) {
  const Limits limits(c);
  return self.decode(ids_of(c, ids), skip_special);
}

int64_t size(const Tokenizer &self) { return int64_t(self.size()); }

std::optional<std::string> piece(const Tokenizer &self, int64_t id) {
  if (id < 0 || id > int64_t(UINT32_MAX)) return std::nullopt;
  const std::string *found = self.piece(uint32_t(id));
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

std::optional<int64_t> id(const Tokenizer &self, std::string_view piece) {
  const auto found = self.id(piece);
  return found ? std::optional<int64_t>(*found) : std::nullopt;
}

}  // namespace

void add_tokenizer(const mrun::registrar &r) {
  r.type<Tokenizer>();
  r.op<walled<open>>("text.tokenizer_json@1(Tensor json) -> text.Tokenizer",
                     "A tokenizer from the bytes of a tokenizer.json of Hugging Face's library.", MRUN_OP_ONCE);
  r.op<walled<decode>>("text.Tokenizer.decode@1(text.Tokenizer self, Any ids, *, bool skip_special=True) -> str",
                       "The text of a 1-D tensor or list of ids.");
  r.op<walled<size>>("text.Tokenizer.size@1(text.Tokenizer self) -> int",
                     "How many tokens there are, added ones included.");
  r.op<walled<piece>>("text.Tokenizer.piece@1(text.Tokenizer self, int id) -> str?", "The token of an id, or nil.");
  r.op<walled<id>>("text.Tokenizer.id@1(text.Tokenizer self, str piece) -> int?", "The id of a token, or nil.");
}

}  // namespace text
