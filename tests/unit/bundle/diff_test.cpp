#include "bundle/diff.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "bundle/commit.h"
#include "bundle/unpack.h"
#include "support.h"
#include "value/json.h"
#include "value/safetensors.h"

using namespace mrun;
using namespace mrun::test;

namespace {

std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

// Applies the hunks of a unified diff, checking each line it takes away or passes over.
std::string patched(const std::string &before, const std::string &diff) {
  const std::vector<std::string> old = lines_of(before), hunks = lines_of(diff);
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < hunks.size(); ++i) {
    std::string line = hunks[i];
    if (line.starts_with("@@")) {
      size_t first = 0, count = 1;
      REQUIRE(std::sscanf(line.c_str(), "@@ -%zu,%zu", &first, &count) >= 1);
      for (const size_t start = count == 0 ? first : first - 1; at < start; ++at) out += old.at(at);
      continue;
    }
    if (line.starts_with("\\")) continue;
    if (i + 1 < hunks.size() && hunks[i + 1].starts_with("\\")) line.pop_back();
    if (line[0] != '+') REQUIRE(old.at(at++) == line.substr(1));
    if (line[0] != '-') out += line.substr(1);
  }
  for (; at < old.size(); ++at) out += old[at];
  return out;
}

Tensor floats(const std::vector<float> &values) {
  Tensor t = Tensor::empty(dtype::float32, {static_cast<int64_t>(values.size())});
  std::memcpy(t.data(), values.data(), values.size() * 4);
  return t;
}

Contents with(Contents contents, const std::string &name, const std::string &text) {
  contents[name] = text;
  return contents;
}

BundleDiff diff_of(const Contents &a, const Contents &b, const Lock &lock_a = {}, const Lock &lock_b = {}) {
  const std::string x = packed_bytes(a, lock_a), y = packed_bytes(b, lock_b);
  return diff_bundles(*open_bytes(x), *open_bytes(y));
}

}  // namespace

TEST_CASE("diff of texts: as diff -u prints it") {
  CHECK(diff_text("a\nb\nc\n", "a\nb\nc\n").unified.empty());
  const TextDiff d = diff_text("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten\n");
  CHECK(d.unified == "@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n");
  CHECK(d.added == 2);
  CHECK(d.removed == 1);
  CHECK(diff_text("", "a\nb\n").unified == "@@ -0,0 +1,2 @@\n+a\n+b\n");
  CHECK(diff_text("a\n", "").unified == "@@ -1 +0,0 @@\n-a\n");
  CHECK(diff_text("a", "a\n").unified == "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST_CASE("diff of texts: changes far apart are hunks of their own") {
  std::string before, after;
  for (int i = 0; i < 40; ++i) {
    before += fmt::format("{}\n", i);
    after += i == 5 || i == 30 ? "changed\n" : fmt::format("{}\n", i);
  }
  const std::string diff = diff_text(before, after).unified;
  CHECK(diff.starts_with("@@ -3,7 +3,7 @@\n"));
  CHECK(contains(diff, "@@ -28,7 +28,7 @@\n"));
}

TEST_CASE("diff of texts: random ones, applied, give the other text") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string texts[2];
    for (std::string &text : texts) {
      for (size_t n = random() % 40; n > 0; --n) text += fmt::format("{}\n", random() % 5);
      if (random() % 4 == 0 && !text.empty()) text.pop_back();
    }
    const TextDiff d = diff_text(texts[0], texts[1]);
    REQUIRE(patched(texts[0], d.unified) == texts[1]);
  }
}

TEST_CASE("diff of texts: one with nothing in common is replaced whole, in bounded time") {
  std::string before, after;
  for (int i = 0; i < 20000; ++i) {
    before += fmt::format("a{}\n", i);
    after += fmt::format("b{}\n", i);
  }
  const TextDiff d = diff_text(before, after);
  CHECK(d.added == 20000);
  CHECK(d.removed == 20000);
}

TEST_CASE("diff of tensors: maximum, mean and norm") {
  std::vector<float> a(10000), b(10000);
  double sum = 0, squares = 0, reference = 0, largest = 0;
  std::mt19937 random(3);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(random() % 1000) / 100;
    b[i] = a[i] + (i % 3 == 0 ? 0.0f : static_cast<float>(random() % 1000) / 1e5f);
    const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    largest = std::max(largest, d);
    sum += d;
    squares += d * d;
    reference += static_cast<double>(a[i]) * static_cast<double>(a[i]);
  }
  const TensorDistance d = tensor_distance(floats(a), floats(b));
  CHECK_FALSE(d.equal);
  CHECK(d.max_abs == Approx(largest));
  CHECK(d.mean_abs == Approx(sum / 10000).epsilon(1e-4));
  CHECK(d.relative_norm == Approx(std::sqrt(squares / reference)).epsilon(1e-4));
  CHECK(d.not_comparable == 0);
  CHECK(tensor_distance(floats(a), floats(a)).equal);
}

TEST_CASE("diff of tensors: NaN, infinities and numbers whose squares overflow") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  TensorDistance d = tensor_distance(floats({nan, inf, 1, 2}), floats({nan, inf, 1, 3}));
  CHECK(d.max_abs == 1);
  CHECK(d.mean_abs == 0.25);
  CHECK(d.not_comparable == 0);
  d = tensor_distance(floats({nan, inf, 1}), floats({1, -inf, 1}));
  CHECK(d.not_comparable == 2);
  CHECK(d.max_abs == 0);
  CHECK_FALSE(d.equal);
  d = tensor_distance(floats(std::vector<float>(16, 1e30f)), floats(std::vector<float>(16, 2e30f)));
  CHECK(d.max_abs == Approx(1e30));
  CHECK(d.relative_norm == Approx(1));
  d = tensor_distance(floats({0, 0}), floats({0, 1}));
  CHECK(std::isinf(d.relative_norm));
}

TEST_CASE("diff of tensors: every dtype") {
  for (const DLDataType t : {dtype::uint8, dtype::uint16, dtype::uint32, dtype::uint64, dtype::int8, dtype::int16,
                             dtype::int32, dtype::int64, dtype::boolean}) {
    Tensor a = Tensor::empty(t, {3}), b = Tensor::empty(t, {3});
    std::memset(a.data(), 0, a.nbytes());
    std::memset(b.data(), 0, b.nbytes());
    *b.data<char>() = 1;
    CHECK(tensor_distance(a, b).max_abs == 1);
    CHECK(tensor_distance(a, b).mean_abs == Approx(1.0 / 3));
  }
  for (const auto &[t, one] :
       {std::pair{dtype::float16, uint16_t{0x3C00}}, std::pair{dtype::bfloat16, uint16_t{0x3F80}}}) {
    Tensor a = Tensor::empty(t, {2}), b = Tensor::empty(t, {2});
    const uint16_t x[] = {one, 0}, y[] = {one, one};
    std::memcpy(a.data(), x, 4);
    std::memcpy(b.data(), y, 4);
    CHECK(tensor_distance(a, b).max_abs == 1);
    CHECK(tensor_distance(a, b).relative_norm == Approx(1));
  }
  const double values[] = {1, 1.5};
  Tensor a = Tensor::empty(dtype::float64, {1}), b = Tensor::empty(dtype::float64, {1});
  std::memcpy(a.data(), &values[0], 8);
  std::memcpy(b.data(), &values[1], 8);
  CHECK(tensor_distance(a, b).max_abs == 0.5);
  CHECK(tensor_distance(Tensor::empty(dtype::float32, {0}), Tensor::empty(dtype::float32, {0})).equal);
}

TEST_CASE("diff of tensors: integers that are one number as doubles") {
  Tensor a = Tensor::empty(dtype::int64, {2}), b = Tensor::empty(dtype::int64, {2});
  constexpr int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
  const int64_t x[] = {int64_t{1} << 53, 7}, y[] = {(int64_t{1} << 53) + 1, 7};
  std::memcpy(a.data(), x, sizeof x);
  std::memcpy(b.data(), y, sizeof y);
  CHECK(tensor_distance(a, b).max_abs == 1);
  CHECK(tensor_distance(b, a).mean_abs == 0.5);
  const int64_t low[] = {least, 7}, high[] = {most, 7};
  std::memcpy(a.data(), low, sizeof low);
  std::memcpy(b.data(), high, sizeof high);
  CHECK(tensor_distance(a, b).max_abs == Approx(18446744073709551615.0));
}

TEST_CASE("diff of bundles: nothing differs from itself, its copy, its folder") {
  const TemporaryFolder folder;
  write_bundle(folder / "a.mb", sample(), {});
  const auto bundle = Bundle::open(folder / "a.mb");
  CHECK(diff_bundles(*bundle, *bundle).equal);
  unpack(*bundle, folder / "out");
  const auto unpacked = Bundle::open(folder / "out");
  CHECK(diff_bundles(*bundle, *unpacked).equal);
  CHECK(diff_bundles(*unpacked, *bundle).notes.empty());
  fs::remove_all(folder / "out/std");
  const BundleDiff d = diff_bundles(*bundle, *Bundle::open(folder / "out"));
  CHECK(d.equal);
  REQUIRE(d.notes.size() == 1);
  CHECK(contains(d.notes[0], "std modules"));
}

TEST_CASE("diff of bundles: parameters key by key") {
  const std::string before = "[params]\na = 1\nb.c = [1, 2]\nb.d = \"x\"\ngone = true\nsame = 1.5\n";
  const std::string after = "[params]\na = 1.0\nb.c = [1, 3]\nb.d = \"x\"\nsame = 1.5\nnew = {k = inf}\n";
  const BundleDiff d = diff_of(with(sample(), "bundle.toml", before), with(sample(), "bundle.toml", after));
  CHECK_FALSE(d.equal);
  REQUIRE(d.params.size() == 4);
  CHECK(d.params[0].key == "a");
  CHECK(d.params[1].key == "b.c");
  CHECK(d.params[2].key == "gone");
  CHECK_FALSE(d.params[2].after);
  CHECK(d.params[3].key == "new");
  CHECK_FALSE(d.params[3].before);
  REQUIRE(d.files.size() == 1);
  CHECK(contains(d.files[0].text->unified, "-gone = true\n"));
  const std::string json = to_json(diff_value(d));
  CHECK(contains(json, R"("key":"new")"));
  CHECK(contains(json, R"("k":"inf")"));
  CHECK(contains(json, R"("equal":false)"));
}

TEST_CASE("diff of bundles: files added, removed and changed, by what they are") {
  Contents after = sample();
  after.erase("preprocess.lua");
  after["forward.lua"] = std::string("return 1\n");
  after["assets/labels.txt"] = std::string("a\nc\n");
  after["assets/empty.bin"] = std::string("\0\1", 2);
  after["examples/one/input.txt"] = std::string("x");
  const BundleDiff d = diff_of(sample(), after);
  REQUIRE(d.files.size() == 5);
  CHECK(d.files[0].path == "assets/empty.bin");
  CHECK_FALSE(d.files[0].text);
  CHECK(d.files[1].kind == FileDiff::Kind::asset);
  CHECK(d.files[1].text->unified == "@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
  CHECK(d.files[2].kind == FileDiff::Kind::example);
  CHECK(d.files[3].path == "forward.lua");
  CHECK_FALSE(d.files[3].before);
  CHECK(d.files[4].path == "preprocess.lua");
  CHECK_FALSE(d.files[4].after);
  CHECK(d.files[4].text->removed == 1);
}

TEST_CASE("diff of bundles: tensors by name") {
  const Tensor two = floats({1, 2}), three = floats({1, 2, 3});
  const std::string before = write_safetensors({{"changed", two}, {"gone", two}, {"same", two}, {"shape", two}});
  const std::string after =
      write_safetensors({{"changed", floats({1, 2.5})}, {"new", three}, {"same", two}, {"shape", three}});
  const char *const file = "model/main.safetensors";
  const BundleDiff d = diff_of(with(sample(), file, before), with(sample(), file, after));
  REQUIRE(d.tensors.size() == 4);
  CHECK(d.tensors[0].name == "changed");
  CHECK(d.tensors[0].distance->max_abs == 0.5);
  CHECK(d.tensors[1].name == "gone");
  CHECK_FALSE(d.tensors[1].after);
  CHECK(d.tensors[2].name == "new");
  CHECK(d.tensors[3].name == "shape");
  CHECK_FALSE(d.tensors[3].distance);
  CHECK(d.tensors[3].after->shape == Shape{3});
  CHECK(contains(to_json(diff_value(d)), R"("max_abs":0.5)"));
}

TEST_CASE("diff of bundles: operations") {
  Lock a, b;
  a.operations = {"image.resize@1", "text.nfc@1"};
  b.operations = {"image.resize@2", "text.nfc@1"};
  const BundleDiff d = diff_of(sample(), sample(), a, b);
  CHECK_FALSE(d.equal);
  CHECK(d.operations_added == std::vector<std::string>{"image.resize@2"});
  CHECK(d.operations_removed == std::vector<std::string>{"image.resize@1"});
}

TEST_CASE("diff of revisions: weights that are gone are said to be, texts are compared") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  Contents contents = with(sample(), "preprocess.lua", "return 2\n");
  contents["model/main.safetensors"] = std::string(100, 'v');
  commit_revision(path, contents, {});
  const auto first = Bundle::open(path, {.revision = "1", .verify = false});
  const BundleDiff d = diff_bundles(*first, *Bundle::open(path));
  REQUIRE(d.files.size() == 2);
  CHECK(contains(d.files[0].note, "the weights of revision 1 are gone"));
  CHECK(d.files[1].text->added == 1);
}
