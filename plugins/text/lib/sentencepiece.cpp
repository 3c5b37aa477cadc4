#include "sentencepiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

#include "charsmap.h"
#include "utf8.h"

namespace sentencepiece::logging {
// Exported by the library but in none of its installed headers; weak, since a later version may drop it.
__attribute__((weak)) void SetMinLogLevel(int level);
}  // namespace sentencepiece::logging

namespace text {
namespace {

constexpr size_t max_model_bytes = size_t(1) << 30;
constexpr size_t max_text_bytes = size_t(1) << 30;

[[noreturn]] void not_a_model(const std::string &why) { bad_input("not a sentencepiece model: " + why); }

// Just enough of protobuf's wire format to check what the library itself trusts.
struct Field {
  uint64_t number = 0;
  std::string_view bytes;  // of a length-delimited or fixed field
  uint64_t varint = 0;
};

class WireReader {
 public:
  explicit WireReader(std::string_view s) : s_(s) {}
  bool next(Field &f) {
    if (s_.empty()) return false;
    uint64_t key = varint();
    f.number = key >> 3;
    f.bytes = {};
    switch (key & 7) {
      case 0: f.varint = varint(); break;
      case 1: f.bytes = take(8); break;
      case 2: f.bytes = take(varint()); break;
      case 5: f.bytes = take(4); break;
      default: not_a_model("its fields are not those of a protobuf");
    }
    return true;
  }

 private:
  uint64_t varint() {
    uint64_t x = 0;
    for (int shift = 0; shift < 64 && !s_.empty(); shift += 7) {
      auto b = static_cast<unsigned char>(s_[0]);
      s_.remove_prefix(1);
      x |= uint64_t(b & 0x7f) << shift;
      if (b < 0x80) return x;
    }
    not_a_model("it is cut short");
  }
  std::string_view take(uint64_t n) {
    if (n > s_.size()) not_a_model("it is cut short");
    std::string_view r = s_.substr(0, n);
    s_.remove_prefix(n);
    return r;
  }
  std::string_view s_;
};

// Field numbers of sentencepiece_model.proto.
enum ModelField : uint64_t { model_pieces = 1, model_trainer = 2, model_normalizer = 3, model_denormalizer = 5 };
enum TrainerField : uint64_t { trainer_model_type = 3 };
enum PieceField : uint64_t { piece_text = 1, piece_score = 2 };
enum NormalizerField : uint64_t { normalizer_charsmap = 2 };

constexpr uint64_t type_unigram = 1;  // the default of a trainer's model type

// libsentencepiece walks the normalization trie without bounds, sorts by scores and indexes pieces that end at a zero
// byte: all are checked here. Returns the model's type.
uint64_t check_model(std::string_view model) {
  size_t pieces = 0;
  uint64_t type = type_unigram;
  WireReader reader(model);
  for (Field f; reader.next(f);) {
    WireReader inner(f.bytes);
    Field g;
    if (f.number == model_pieces) {
      ++pieces;
      while (inner.next(g)) {
        float score = 0;
        if (g.number == piece_score && g.bytes.size() == sizeof score)
          std::memcpy(&score, g.bytes.data(), sizeof score);
        if (!std::isfinite(score))
          not_a_model("piece " + std::to_string(pieces - 1) + " has a score that is no number");
        if (g.number == piece_text && g.bytes.find('\0') != g.bytes.npos)
          not_a_model("piece " + std::to_string(pieces - 1) + " has a zero byte");
      }
    } else if (f.number == model_trainer) {
      while (inner.next(g))
        if (g.number == trainer_model_type) type = g.varint;
    } else if (f.number == model_normalizer || f.number == model_denormalizer) {
      while (inner.next(g))
        if (g.number == normalizer_charsmap && !g.bytes.empty()) CharsMap check(g.bytes);
    }
  }
  if (pieces == 0) not_a_model("it has no pieces");
  return type;
}

void check(const sentencepiece::util::Status &status) {
  if (!status.ok()) bad_argument("sentencepiece: " + std::string(status.message()));
}

// The library draws from a generator that each thread makes once, from a process-wide seed. A thread of its own,
// started under a lock, makes a draw a function of `seed` alone.
template <class Draw>
void with_seed(uint32_t seed, Draw draw) {
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  constexpr uint32_t reserved = std::numeric_limits<uint32_t>::max();  // "from the system's entropy"
  sentencepiece::SetRandomGeneratorSeed(seed == reserved ? 0 : seed);
  sentencepiece::util::Status status;
  std::thread([&] { status = draw(); }).join();
  check(status);
}

void check_text(std::string_view s) {
  if (s.size() > max_text_bytes) bad_input("sentencepiece: the text is longer than 1 GiB");
}

}  // namespace

void SentencePiece::check_sampling(std::string_view text, const SentencePieceOptions::Sampling &s) const {
  constexpr size_t most = 8192;  // bytes whose best segmentations are found in about a second
  if (s.nbest_size == 0 || s.nbest_size == 1 || s.nbest_size > 512)
    bad_argument("sentencepiece: nbest_size is " + std::to_string(s.nbest_size) +
                 "; wanted -1 for all segmentations, or 2 to 512");
  if (!std::isfinite(s.alpha)) bad_argument("sentencepiece: alpha is not a number");
  if (unigram_ && s.nbest_size > 1 && text.size() > most)
    bad_input("sentencepiece: nbest_size is " + std::to_string(s.nbest_size) + ", and the text has " +
              std::to_string(text.size()) + " bytes; wanted at most " + std::to_string(most) +
              ", or -1 for all segmentations");
}

SentencePiece::SentencePiece(std::string_view model) {
  if (model.size() > max_model_bytes) not_a_model("it is larger than 1 GiB");
  if (model.substr(0, 1) == "{") not_a_model("it looks like a tokenizer.json: text.tokenizer_json opens those");
  unigram_ = check_model(model) == type_unigram;
  if (sentencepiece::logging::SetMinLogLevel) sentencepiece::logging::SetMinLogLevel(10);
  processor_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
  std::string why;
  try {
    const auto status = processor_->LoadFromSerializedProto(model);
    if (status.ok()) return;
    why = status.message();
  } catch (const std::bad_alloc &) { throw; } catch (const std::exception &e) {
    if (std::strstr(e.what(), "std::bad_alloc") != nullptr) throw std::bad_alloc();  // the index says it as a text
    why = std::string("its pieces cannot be indexed: ") + e.what();
  }
  not_a_model(why);
}

SentencePiece::~SentencePiece() = default;

int SentencePiece::checked(int64_t id) const {
  if (id < 0 || id >= size())
    bad_argument("sentencepiece: id " + std::to_string(id) + " is not in the model; wanted 0 to " +
                 std::to_string(size() - 1));
  return int(id);
}

template <class T>
void SentencePiece::shorten(std::vector<T> &tokens, const SentencePieceOptions &o) {
  if (!o.max_length) return;
  const size_t ends = size_t(o.add_bos) + size_t(o.add_eos);
  if (*o.max_length < ends)
    bad_argument("sentencepiece: max_length is " + std::to_string(*o.max_length) + ", but bos and eos alone are " +
                 std::to_string(ends));
  const size_t room = *o.max_length - ends;
  if (tokens.size() <= room) return;
  if (o.left) {
    tokens.erase(tokens.begin(), tokens.end() - ptrdiff_t(room));
  } else {
    tokens.resize(room);
  }
}

void SentencePiece::add_ends(std::vector<int> &ids, const SentencePieceOptions &options) const {
  if (options.reverse) std::reverse(ids.begin(), ids.end());
  if (options.add_bos) {
    if (bos() < 0) bad_argument("sentencepiece: add_bos, but the model has no bos piece");
    ids.insert(ids.begin(), bos());
  }
  if (options.add_eos) {
    if (eos() < 0) bad_argument("sentencepiece: add_eos, but the model has no eos piece");
    ids.push_back(eos());
  }
}

std::vector<int> SentencePiece::encode(std::string_view s, const SentencePieceOptions &options) const {
  check_text(s);
  std::vector<int> ids;
  if (options.sampling) {
    check_sampling(s, *options.sampling);
    with_seed(options.sampling->seed,
              [&] { return processor_->SampleEncode(s, options.sampling->nbest_size, options.sampling->alpha, &ids); });
  } else {
    check(processor_->Encode(s, &ids));
  }
  shorten(ids, options);
  add_ends(ids, options);
  return ids;
}

Encoding SentencePiece::tokenize(std::string_view s, const SentencePieceOptions &options, OffsetUnit unit) const {
  check_text(s);
  sentencepiece::ImmutableSentencePieceText found;
  if (options.sampling) {
    check_sampling(s, *options.sampling);
    with_seed(options.sampling->seed, [&] {
      return processor_->SampleEncode(s, options.sampling->nbest_size, options.sampling->alpha, found.mutable_proto());
    });
  } else {
    check(processor_->Encode(s, found.mutable_proto()));
  }
  if (unit == OffsetUnit::character) found.ConvertToUnicodeSpans();
  Encoding out;
  std::vector<int> ids;
  for (const auto &piece : found.pieces()) {
    int id = int(piece.id());
    ids.push_back(id);
    out.offsets.push_back({piece.begin(), piece.end()});
    out.pieces.push_back(options.emit_unk_piece && processor_->IsUnknown(id) ? std::string(this->piece(unk()))
                                                                             : piece.piece());
  }
  shorten(ids, options);
  shorten(out.offsets, options);
  shorten(out.pieces, options);
  if (options.reverse) {
    std::reverse(out.offsets.begin(), out.offsets.end());
    std::reverse(out.pieces.begin(), out.pieces.end());
  }
  add_ends(ids, options);
  auto length = uint32_t(unit == OffsetUnit::character ? utf8_length(s) : s.size());
  if (options.add_bos) {
    out.offsets.insert(out.offsets.begin(), Offsets{0, 0});
    out.pieces.insert(out.pieces.begin(), std::string(piece(bos())));
  }
  if (options.add_eos) {
    out.offsets.push_back({length, length});
    out.pieces.emplace_back(piece(eos()));
  }
  out.ids.assign(ids.begin(), ids.end());
  out.types.assign(ids.size(), 0);
  return out;
}

std::string SentencePiece::decode(const std::vector<int> &ids) const {
  for (int id : ids) checked(id);
  std::string out;
  check(processor_->Decode(ids, &out));
  return out;
}

int SentencePiece::size() const { return processor_->GetPieceSize(); }
std::string_view SentencePiece::piece(int id) const { return processor_->IdToPiece(checked(id)); }
int SentencePiece::id(std::string_view piece) const { return processor_->PieceToId(piece); }
int SentencePiece::bos() const { return processor_->bos_id(); }
int SentencePiece::eos() const { return processor_->eos_id(); }
int SentencePiece::unk() const { return processor_->unk_id(); }
int SentencePiece::pad() const { return processor_->pad_id(); }

}  // namespace text
