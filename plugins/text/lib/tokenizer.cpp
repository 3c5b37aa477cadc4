#include "tokenizer.h"

#include <algorithm>

#include "budget.h"
#include "json_reader.h"
#include "polling.h"
#include "utf8.h"

namespace text {
namespace {

// A copy of a token; long ones are announced, as a text may repeat them.
const std::string &announced(const std::string &token) {
  constexpr size_t usual = 256;
  if (token.size() > usual) Budget::take(token.size());
  return token;
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
    t.idle_.reserve(most);  // giving it back, which a destructor does, then wants no memory
    if (!t.idle_.empty()) {
      work_ = std::move(t.idle_.back());
      t.idle_.pop_back();
    }
    if (!work_) work_ = std::make_unique<Work>();
  }
  ~Lease() {
    std::lock_guard lock(owner_.idle_mutex_);
    if (owner_.idle_.size() < most) owner_.idle_.push_back(std::move(work_));
  }
  Work &operator*() { return *work_; }

 private:
  static constexpr size_t most = 64;  // that are kept
  const Tokenizer &owner_;
  std::unique_ptr<Work> work_;
};

TokenizerParts read_tokenizer_json(std::string_view json) {
  const Json j = read_json(json);
  if (!j.is_object() || !j.contains("model")) bad_config("no tokenizer: \"model\" is missing");
  if (const Json *version = optional_member(j, "version"); version && *version != "1.0")
    bad_config("the version is " + version->dump() + "; wanted \"1.0\"");
  auto part = [&](const char *key) -> const Json & {
    static const Json null;
    const Json *v = optional_member(j, key);
    return v ? *v : null;
  };
  TokenizerParts p;
  p.normalizer = make_normalizer(part("normalizer"));
  p.pretokenizer = make_pretokenizer(part("pre_tokenizer"));
  p.model = make_model(member(j, "model"));
  p.postprocessor = make_postprocessor(part("post_processor"));
  p.decoder = make_decoder(part("decoder"));
  if (const Json *list = optional_member(j, "added_tokens"))
    p.added = AddedTokens(*list, p.model->vocabulary(), p.normalizer.get());
  p.truncation = read_truncation(j);
  p.padding = read_padding(j);
  return p;
}

Tokenizer::Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) {
  PreTokenizer *p = parts_.pretokenizer.get();
  if (!p) return;
  const bool inserts = parts_.normalizer && parts_.normalizer->inserts();
  always_track_ = p->needs_origin(inserts);
  if (!inserts && p->gives_letters() && parts_.model->take_bytes()) p->give_bytes();
}

std::vector<int64_t> Tokenizer::encode(const Input &input, const TokenizerOptions &o) const {
  return encoding(input, o).ids;
}

Encoding Tokenizer::encoding(const Input &input, const TokenizerOptions &o) const {
  return run(input, o, {false, o.marks}, OffsetUnit::byte);
}

Encoding Tokenizer::tokenize(const Input &input, const TokenizerOptions &o, OffsetUnit unit) const {
  return run(input, o, {true, o.marks}, unit);
}

Encoding Tokenizer::run(const Input &input, const TokenizerOptions &o, Wanted wanted, OffsetUnit unit) const {
  const std::optional<Truncation> &truncation = o.truncation ? o.truncation : parts_.truncation;
  const Truncation *t = truncation ? &*truncation : nullptr;
  // As in the peer: a first text that is not to be cut is as long as it is.
  const Truncation *first = t && t->strategy == Truncation::only_second ? nullptr : t;
  Random random(o.seed, o.number);
  std::vector<Encoding> texts;
  std::vector<size_t> counted;
  auto add = [&](const Input &text, const Truncation *limit) {
    Job job(o, wanted, unit, limit, random);
    texts.push_back(one(text, job));
    Encoding &e = texts.back();
    e.types.assign(e.size(), int64_t(counted.size()));
    if (wanted.marks) e.sequences = e.types;
    counted.push_back(job.counted.value_or(e.size()));
  };
  add(input, first);
  if (o.pair) add(*o.pair, t);
  if (t) truncate(texts, counted, o, *t);
  if (parts_.postprocessor) parts_.postprocessor->run(texts, o.special);
  Encoding out = joined(std::move(texts));
  out.wanted = wanted;
  if (const auto &padding = o.padding ? o.padding : parts_.padding; padding && o.padded)
    pad(out, *padding, padding->length.value_or(uint32_t(out.size())));
  return out;
}

Encoding Tokenizer::one(const Input &input, Job &job) const {
  if (const auto *all = std::get_if<Words>(&input)) return words(*all, job);
  return text(std::get<std::string_view>(input), job);
}

Encoding Tokenizer::words(const Words &all, Job &job) const {
  std::vector<Encoding> parts;
  job.split = true;
  for (size_t i = 0; i < all.size() && !job.is_over(); ++i) {
    const size_t number = job.left() ? all.size() - 1 - i : i;
    job.word = int64_t(number);
    parts.push_back(text(all[number], job));
  }
  if (job.left()) std::reverse(parts.begin(), parts.end());
  Encoding out = joined(std::move(parts));
  out.wanted = job.wanted;
  return out;
}

Encoding Tokenizer::text(std::string_view s, Job &job) const {
  if (s.size() > size_t(1) << 30) bad_input("the text is longer than 1 GiB");
  Lease lease(*this);
  Encoding out;
  out.wanted = job.wanted;
  if (job.left()) {
    from_the_right(*lease, s, job, out);
  } else {
    from_the_left(*lease, s, job, out);
  }
  if (job.wanted.marks) {
    out.special.assign(out.size(), 0);
    out.attention.assign(out.size(), 1);
  }
  if (job.wanted.pieces && job.unit == OffsetUnit::character) to_characters(s, out.offsets);
  return out;
}

template <class F>
void Tokenizer::each_segment(Work &work, std::string_view s, Job &job, F f) const {
  const bool track = job.wanted.pieces || always_track_;
  work.parts.clear();
  parts_.added.cut(s, false, job.options.parse_special, work.parts);
  for (const AddedTokens::Part &part : work.parts) {
    const std::string_view piece = s.substr(part.begin, part.end - part.begin);
    if (part.token) {
      work.segment.token = part.token;
      work.segment.spelled = piece;
      work.segment.offsets = {part.begin, part.end};
      if (!f(work.segment)) return;
    } else if (!each_normalized(work, Normalized(piece, part.begin, track), job, f)) {
      return;
    }
  }
}

template <class F>
bool Tokenizer::each_normalized(Work &work, Normalized n, Job &job, F f) const {
  if (parts_.normalizer) parts_.normalizer->run(n);
  work.inner.clear();
  parts_.added.cut(n.bytes, true, job.options.parse_special, work.inner);
  Segment &segment = work.segment;
  for (const AddedTokens::Part &part : work.inner) {
    const bool whole = part.begin == 0 && part.end == n.bytes.size();
    segment.token = part.token;
    if (part.token) {
      segment.spelled = n.bytes.substr(part.begin, part.end - part.begin);
      segment.offsets = n.track ? n.original(part.begin, part.end) : Offsets{};
    } else {
      segment.pre.n = whole ? std::move(n) : n.part(part.begin, part.end);
      segment.pre.spans.assign(1, {0, uint32_t(segment.pre.n.bytes.size())});
      if (parts_.pretokenizer) parts_.pretokenizer->run(segment.pre);
    }
    if (!f(segment)) return false;
    if (whole && !part.token) return true;  // behind a token others may begin, in the white space that it took
  }
  return true;
}

void Tokenizer::from_the_left(Work &work, std::string_view s, Job &job, Encoding &out) const {
  each_segment(work, s, job, [&](const Segment &segment) {
    work.tokens.clear();
    if (segment.token) {
      ++job.tokens;
      emit(work, {&segment, 0, 0, job.next_word()}, out);
      return true;
    }
    for (Span span : segment.pre.spans) {
      if (job.is_over()) break;
      const size_t before = work.tokens.size();
      word(work, segment.pre, span, job);
      emit(work, {&segment, before, work.tokens.size() - before, job.next_word()}, out);
    }
    return !job.is_over();
  });
}

void Tokenizer::from_the_right(Work &work, std::string_view s, Job &job, Encoding &out) const {
  std::vector<Segment> segments;
  each_segment(work, s, job, [&](Segment &segment) {
    segments.push_back(std::move(segment));
    Segment &kept = segments.back();
    kept.word = job.word;
    if (!job.split) job.word += kept.token ? 1 : int64_t(kept.pre.spans.size());
    return true;
  });
  std::vector<Block> blocks;  // from the last on
  work.tokens.clear();
  for (size_t i = segments.size(); i-- > 0 && !job.is_over();) {
    const Segment &segment = segments[i];
    if (segment.token) {
      ++job.tokens;
      blocks.push_back({&segment, 0, 0, segment.word});
      continue;
    }
    for (size_t k = segment.pre.spans.size(); k-- > 0 && !job.is_over();) {
      const size_t before = work.tokens.size();
      word(work, segment.pre, segment.pre.spans[k], job);
      blocks.push_back({&segment, before, work.tokens.size() - before, segment.word + (job.split ? 0 : int64_t(k))});
    }
  }
  for (size_t i = blocks.size(); i-- > 0;) emit(work, blocks[i], out);
}

void Tokenizer::word(Work &work, const PreTokenized &pre, Span s, Job &job) const {
  Polling::now();
  const std::string_view part = std::string_view(pre.n.bytes).substr(s.begin, s.end - s.begin);
  const size_t before = work.tokens.size();
  const bool draws = parts_.model->draws();
  if (draws || !work.cache.get(part, s.begin, work.tokens)) {
    parts_.model->run(part, s.begin, work.tokens, job.random);
    if (!draws) work.cache.put(part, s.begin, work.tokens.data() + before, work.tokens.size() - before);
  }
  job.add_word(work.tokens.size() - before);
}

void Tokenizer::emit(const Work &work, const Block &block, Encoding &out) const {
  const Segment &segment = *block.segment;
  const size_t count = segment.token ? 1 : block.count;
  if (out.wanted.marks) out.words.insert(out.words.end(), count, block.word);
  if (segment.token) {
    out.ids.push_back(segment.token->id);
    if (!out.wanted.pieces) return;
    out.offsets.push_back(segment.offsets);
    out.pieces.push_back(segment.spelled);
    return;
  }
  for (size_t i = block.begin; i < block.begin + count; ++i) {
    const Token &t = work.tokens[i];
    out.ids.push_back(t.id);
    if (!out.wanted.pieces) continue;
    out.offsets.push_back(segment.pre.n.original(t.begin, t.end));
    if (t.spelled) {
      out.pieces.push_back(segment.pre.n.bytes.substr(t.begin, t.end - t.begin));
    } else {
      out.pieces.push_back(announced(*parts_.model->vocabulary().token(t.id)));
    }
  }
}

void Tokenizer::truncate(std::vector<Encoding> &texts, const std::vector<size_t> &counted, const TokenizerOptions &o,
                         const Truncation &t) const {
  const size_t added = o.special && parts_.postprocessor ? parts_.postprocessor->added(texts.size() == 2) : 0;
  if (t.max_length < added)
    bad_argument("max_length is " + std::to_string(t.max_length) + ", but the special tokens alone are " +
                 std::to_string(added));
  text::truncate(texts, counted, t, t.max_length - added, o.overflowing);
}

void Tokenizer::pad_batch(std::vector<Encoding> &batch, const TokenizerOptions &o) const {
  if (const auto &padding = o.padding ? o.padding : parts_.padding; padding && o.padded)
    text::pad_batch(batch, *padding);
}

std::string Tokenizer::decode(const std::vector<int64_t> &ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int64_t id = ids[i];
    if (id < 0 || id > int64_t(UINT32_MAX))
      bad_argument("ids: number " + std::to_string(i + 1) + " is " + std::to_string(id) + "; wanted 0 to " +
                   std::to_string(UINT32_MAX));
    const std::string *token = piece(uint32_t(id));
    if (!token) continue;
    if (const AddedToken *added = parts_.added.find(*token); skip_special && added && added->special) continue;
    tokens.push_back(announced(*token));
  }
  std::string out;
  if (parts_.decoder) {
    parts_.decoder->run(tokens);
    for (const std::string &t : tokens) out += t;
  } else {
    for (size_t i = 0; i < tokens.size(); ++i) out += (i > 0 ? " " : "") + tokens[i];
  }
  return out;
}

std::string Tokenizer::normalized(std::string_view s) const {
  Normalized n(s, 0, false);
  if (parts_.normalizer) parts_.normalizer->run(n);
  return n.bytes;
}

size_t Tokenizer::size() const {
  return parts_.model->vocabulary().size() + parts_.added.beyond(parts_.model->vocabulary());
}

size_t Tokenizer::id_end() const { return std::max(parts_.model->vocabulary().id_end(), parts_.added.id_end()); }

const std::string *Tokenizer::piece(uint32_t id) const {
  if (const AddedToken *t = parts_.added.find(id)) return &t->piece;
  return parts_.model->vocabulary().token(id);
}

std::optional<uint32_t> Tokenizer::id(std::string_view piece) const {
  if (const AddedToken *t = parts_.added.find(piece)) return t->id;
  if (const uint32_t *id = parts_.model->vocabulary().id(piece)) return *id;
  return std::nullopt;
}

}  // namespace text
