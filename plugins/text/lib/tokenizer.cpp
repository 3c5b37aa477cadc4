#include "tokenizer.h"

#include <algorithm>

#include "budget.h"
#include "json_reader.h"
#include "polling.h"
#include "utf8.h"

namespace text {
namespace {

bool is_left(const Json &j, const char *key) {
  const std::string direction = string_member(j, key, "Right");
  if (direction != "Left" && direction != "Right") bad_config("no direction is called \"" + direction + '"');
  return direction == "Left";
}

// Keeps `length` tokens of the beginning, or of the end.
void shorten(Encoding &e, size_t length, bool left) {
  auto cut = [&](auto &v) {
    if (v.size() <= length) return;
    if (left) {
      v.erase(v.begin(), v.end() - ptrdiff_t(length));
    } else {
      v.resize(length);
    }
  };
  cut(e.ids);
  cut(e.types);
  cut(e.offsets);
  cut(e.pieces);
}

// Drops what is before the last words that reach `length` tokens, with all that is behind them. That is how the peer
// counts when it decides which text of a pair is the longer.
void keep_last_parts(Encoding &e, const std::vector<size_t> &begins, size_t length) {
  for (size_t i = begins.size(); i-- > 0;) {
    const size_t kept = e.ids.size() - begins[i];
    if (kept >= length) return shorten(e, kept, true);
  }
}

// A copy of a token; long ones are announced, as a text may repeat them.
const std::string &announced(const std::string &token) {
  constexpr size_t usual = 256;
  if (token.size() > usual) Budget::take(token.size());
  return token;
}

template <class T>
void append(std::vector<T> &to, std::vector<T> &from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// From bytes of `s` to its characters.
void to_characters(std::string_view s, std::vector<Offsets> &offsets) {
  if (std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
  std::vector<uint32_t> before(s.size() + 1);  // characters that begin before a byte
  for (size_t i = 0; i < s.size(); ++i) before[i + 1] = before[i] + !is_continuation(s[i]);
  for (Offsets &o : offsets) o = {before[o.begin], before[o.end]};
}

}  // namespace

// Working memory, taken from the tokenizer's store and given back.
class Tokenizer::Lease {
 public:
  explicit Lease(const Tokenizer &t) : owner_(t) {
    std::lock_guard lock(t.idle_mutex_);
    if (!t.idle_.empty()) {
      work_ = std::move(t.idle_.back());
      t.idle_.pop_back();
    }
    if (!work_) work_ = std::make_unique<Work>();
  }
  ~Lease() {
    constexpr size_t most = 64;
    std::lock_guard lock(owner_.idle_mutex_);
    if (owner_.idle_.size() < most) owner_.idle_.push_back(std::move(work_));
  }
  Work &operator*() { return *work_; }

 private:
  const Tokenizer &owner_;
  std::unique_ptr<Work> work_;
};

Tokenizer::Tokenizer(std::string_view json) {
  const Json j = read_json(json);
  if (!j.is_object() || !j.contains("model")) bad_config("no tokenizer: \"model\" is missing");
  if (const Json *version = optional_member(j, "version"); version && *version != "1.0")
    bad_config("the version is " + version->dump() + "; wanted \"1.0\"");
  auto part = [&](const char *key) -> const Json & {
    static const Json null;
    const Json *v = optional_member(j, key);
    return v ? *v : null;
  };
  normalizer_ = make_normalizer(part("normalizer"));
  pretokenizer_ = make_pretokenizer(part("pre_tokenizer"));
  model_ = make_model(member(j, "model"));
  postprocessor_ = make_postprocessor(part("post_processor"));
  decoder_ = make_decoder(part("decoder"));
  if (const Json *list = optional_member(j, "added_tokens"))
    added_ = AddedTokens(*list, model_->vocabulary(), normalizer_.get());
  if (pretokenizer_) {
    always_track_ = pretokenizer_->needs_origin();
    if (pretokenizer_->give_bytes() && !model_->take_bytes()) pretokenizer_ = make_pretokenizer(part("pre_tokenizer"));
  }
  if (const Json *t = optional_member(j, "truncation")) {
    const std::string strategy = string_member(*t, "strategy", "LongestFirst");
    if (strategy != "LongestFirst" && strategy != "OnlyFirst" && strategy != "OnlySecond")
      bad_config("no strategy of truncation is called \"" + strategy + '"');
    truncation_ = {uint_member(*t, "max_length"),
                   strategy == "OnlyFirst"    ? Truncation::only_first
                   : strategy == "OnlySecond" ? Truncation::only_second
                                              : Truncation::longest_first,
                   is_left(*t, "direction")};
  }
  if (const Json *p = optional_member(j, "padding")) {
    const Json &strategy = member(*p, "strategy");
    if (!strategy.is_object() && strategy != "BatchLongest")
      bad_config("no strategy of padding is called " + strategy.dump());
    constexpr uint32_t longest = 1u << 20;
    padding_ = {strategy.is_object() ? std::optional(uint_member(strategy, "Fixed")) : std::nullopt,
                uint_member(*p, "pad_to_multiple_of", 0),
                is_left(*p, "direction"),
                uint_member(*p, "pad_id", 0),
                uint_member(*p, "pad_type_id", 0),
                string_member(*p, "pad_token", "[PAD]")};
    if (padding_->length.value_or(0) > longest || padding_->multiple_of > longest)
      bad_config("the padding is longer than 1048576");
  }
}

std::vector<int64_t> Tokenizer::encode(std::string_view s, const TokenizerOptions &o) const {
  return run(s, o, Detail::ids, OffsetUnit::byte).ids;
}

Encoding Tokenizer::tokenize(std::string_view s, const TokenizerOptions &o, OffsetUnit unit) const {
  return run(s, o, Detail::all, unit);
}

Encoding Tokenizer::run(std::string_view s, const TokenizerOptions &o, Detail detail, OffsetUnit unit) const {
  std::optional<Truncation> truncation = truncation_;
  if (o.max_length) {
    if (!truncation) truncation = Truncation{0, Truncation::longest_first, false};
    truncation->max_length = *o.max_length;
  }
  const Truncation *t = truncation ? &*truncation : nullptr;
  Random random(o.seed, o.number);
  std::vector<Encoding> parts;
  parts.push_back(one(s, 0, o, detail, unit, t, random));
  if (o.pair) parts.push_back(one(*o.pair, 1, o, detail, unit, t, random));
  if (t) truncate(parts, o, *t);
  if (postprocessor_) postprocessor_->run(parts, o.special);
  Encoding out;
  if (!parts.empty()) out = std::move(parts[0]);
  for (size_t i = 1; i < parts.size(); ++i) {
    append(out.ids, parts[i].ids);
    append(out.types, parts[i].types);
    append(out.offsets, parts[i].offsets);
    append(out.pieces, parts[i].pieces);
  }
  if (padding_) pad(out, padding_->length.value_or(out.ids.size()));
  return out;
}

Encoding Tokenizer::one(std::string_view s, int64_t type, const TokenizerOptions &o, Detail detail, OffsetUnit unit,
                        const Truncation *truncation, Random &random) const {
  if (s.size() > size_t(1) << 30) bad_input("the text is longer than 1 GiB");
  Lease lease(*this);
  Work &work = *lease;
  Encoding out;
  // As in the peer: a first text that is not to be cut is as long as it is.
  if (truncation && truncation->strategy == Truncation::only_second && type == 0) truncation = nullptr;
  Job job{o, detail, truncation, random, out};
  const bool track = detail == Detail::all || always_track_;
  work.parts.clear();
  work.begins.clear();
  added_.cut(s, false, o.parse_special, work.parts);
  for (const AddedTokens::Part &part : work.parts) {
    if (job.enough) break;
    const std::string_view piece = s.substr(part.begin, part.end - part.begin);
    if (part.token) {
      add_token(*part.token, piece, {part.begin, part.end}, job);
    } else {
      segment(work, Normalized(piece, part.begin, track), job);
    }
  }
  if (truncation && truncation->left) keep_last_parts(out, work.begins, truncation->max_length);
  out.types.assign(out.ids.size(), type);
  if (detail == Detail::all && unit == OffsetUnit::character) to_characters(s, out.offsets);
  return out;
}

void Tokenizer::segment(Work &work, Normalized n, Job &job) const {
  if (normalizer_) normalizer_->run(n);
  work.inner.clear();
  added_.cut(n.bytes, true, job.options.parse_special, work.inner);
  for (const AddedTokens::Part &part : work.inner) {
    if (job.enough) return;
    const bool whole = part.begin == 0 && part.end == n.bytes.size();
    if (part.token) {
      add_token(*part.token, std::string_view(n.bytes).substr(part.begin, part.end - part.begin),
                n.track ? n.original(part.begin, part.end) : Offsets{}, job);
      continue;
    }
    if (whole) {
      work.pre.n = std::move(n);
    } else {
      work.pre.n = Normalized(std::string_view(n.bytes).substr(part.begin, part.end - part.begin), n.base, n.track);
      if (!n.origin.empty()) {
        work.pre.n.origin.assign(n.origin.begin() + part.begin, n.origin.begin() + part.end);
        work.pre.n.base = n.origin[part.begin].begin;
      } else {
        work.pre.n.base += part.begin;
      }
    }
    model_part(work, job);
    if (whole) return;
  }
}

void Tokenizer::model_part(Work &work, Job &job) const {
  PreTokenized &pre = work.pre;
  Encoding &out = job.out;
  pre.spans.assign(1, {0, uint32_t(pre.n.bytes.size())});
  if (pretokenizer_) pretokenizer_->run(pre);
  const bool left = job.truncation && job.truncation->left;
  const size_t most = job.truncation && !left ? job.truncation->max_length : SIZE_MAX;
  const bool draws = model_->draws();
  work.tokens.clear();
  for (Span s : pre.spans) {
    if (job.enough) break;
    Polling::now();
    const std::string_view word = std::string_view(pre.n.bytes).substr(s.begin, s.end - s.begin);
    const size_t before = work.tokens.size();
    if (left) work.begins.push_back(out.ids.size() + before);
    if (draws || !work.cache.get(word, s.begin, work.tokens)) {
      model_->run(word, s.begin, work.tokens, job.random);
      if (!draws) work.cache.put(word, s.begin, work.tokens.data() + before, work.tokens.size() - before);
    }
    job.enough = out.ids.size() + work.tokens.size() >= most;
  }
  for (const Token &t : work.tokens) {
    out.ids.push_back(t.id);
    if (job.detail == Detail::ids) continue;
    out.offsets.push_back(pre.n.original(t.begin, t.end));
    if (t.spelled) {
      out.pieces.push_back(pre.n.bytes.substr(t.begin, t.end - t.begin));
    } else {
      out.pieces.push_back(announced(*model_->vocabulary().token(t.id)));
    }
  }
}

void Tokenizer::add_token(const AddedToken &t, std::string_view spelled, Offsets offsets, const Job &job) const {
  job.out.ids.push_back(t.id);
  if (job.detail == Detail::ids) return;
  job.out.offsets.push_back(offsets);
  job.out.pieces.emplace_back(spelled);
}

void Tokenizer::truncate(std::vector<Encoding> &parts, const TokenizerOptions &o, const Truncation &t) const {
  size_t room = t.max_length;
  const size_t added = o.special && postprocessor_ ? postprocessor_->added(parts.size() == 2) : 0;
  if (room < added)
    bad_argument("max_length is " + std::to_string(room) + ", but the special tokens alone are " +
                 std::to_string(added));
  room -= added;
  if (room == 0) {
    for (Encoding &e : parts) shorten(e, 0, t.left);
    return;
  }
  const size_t first = parts[0].ids.size(), second = parts.size() == 2 ? parts[1].ids.size() : 0;
  if (first + second <= room) return;
  if (t.strategy == Truncation::longest_first) {
    size_t less = std::min(first, second), more = std::max(first, second);
    more = less > room ? less : std::max(less, room - less);
    if (less + more > room) {
      less = room / 2;
      more = room - less;
    }
    if (parts.size() == 1) {
      shorten(parts[0], room, t.left);
      return;
    }
    shorten(parts[0], first <= second ? less : more, t.left);
    shorten(parts[1], first <= second ? more : less, t.left);
    return;
  }
  const size_t target = t.strategy == Truncation::only_second;
  if (target >= parts.size()) bad_argument("the truncation is of the second text, but there is none");
  const size_t length = target ? second : first, surplus = first + second - room;
  if (length <= surplus) bad_input("the text is too short to be truncated as the tokenizer wants");
  shorten(parts[target], length - surplus, t.left);
}

// To `length` tokens, or the next multiple of what the file says; a longer result stays as it is.
void Tokenizer::pad(Encoding &e, size_t length) const {
  size_t target = length;
  if (const size_t m = padding_->multiple_of; m > 0) target = (target + m - 1) / m * m;
  if (target <= e.ids.size()) return;
  const size_t before = e.ids.size();
  auto fill = [&](auto &v, const auto &x) {
    if (v.size() == before) v.insert(padding_->left ? v.begin() : v.end(), target - before, x);
  };
  fill(e.types, int64_t(padding_->type));
  fill(e.offsets, Offsets{});
  fill(e.pieces, padding_->piece);
  fill(e.ids, int64_t(padding_->id));
}

void Tokenizer::pad_batch(std::vector<Encoding> &batch) const {
  if (!padding_ || padding_->length) return;
  size_t longest = 0;
  for (const Encoding &e : batch) longest = std::max(longest, e.ids.size());
  for (Encoding &e : batch) pad(e, longest);
}

std::string Tokenizer::decode(const std::vector<int64_t> &ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (int64_t id : ids) {
    if (id < 0 || id > int64_t(UINT32_MAX)) bad_argument("no id: " + std::to_string(id));
    const std::string *token = piece(uint32_t(id));
    if (!token) continue;
    if (const AddedToken *added = added_.find(*token); skip_special && added && added->special) continue;
    tokens.push_back(announced(*token));
  }
  std::string out;
  if (decoder_) {
    decoder_->run(tokens);
    for (const std::string &t : tokens) out += t;
  } else {
    for (size_t i = 0; i < tokens.size(); ++i) out += (i > 0 ? " " : "") + tokens[i];
  }
  return out;
}

std::string Tokenizer::normalized(std::string_view s) const {
  Normalized n(s, 0, false);
  if (normalizer_) normalizer_->run(n);
  return n.bytes;
}

size_t Tokenizer::size() const { return model_->vocabulary().size() + added_.beyond(model_->vocabulary()); }

const std::string *Tokenizer::piece(uint32_t id) const {
  if (const AddedToken *t = added_.find(id)) return &t->piece;
  return model_->vocabulary().token(id);
}

std::optional<uint32_t> Tokenizer::id(std::string_view piece) const {
  if (const AddedToken *t = added_.find(piece)) return t->id;
  if (const uint32_t *id = model_->vocabulary().id(piece)) return *id;
  return std::nullopt;
}

}  // namespace text
