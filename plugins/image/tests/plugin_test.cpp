// The operations as the host calls them: what is computed when, errors, budgets.
#include <cmath>
#include <cstring>
#include <limits>

#include "catch.h"
#include "plugin/registry.h"

using mrun::Tensor;
using mrun::Value;
using mrun::operator==;

namespace {

struct Host {
  explicit Host(int64_t limit = mrun::Budget::unlimited) { item.budget = std::make_shared<mrun::Budget>(limit); }

  std::vector<Value> call(const std::string &name, const std::vector<Value> &args,
                          const std::vector<std::pair<std::string, Value>> &keywords = {}) {
    static mrun::Registry plugins({MRUN_TEST_PLUGINS});
    mrun_call raw(item);
    std::vector<mrun_value> given;
    for (const Value &a : args) given.push_back(a.c());
    const Value names = keywords.empty() ? Value() : Value::map(keywords);
    return mrun::call_operation(plugins.require("image." + name + "@1"), raw, given, names.c()).values;
  }
  Value one(const std::string &name, const std::vector<Value> &args,
            const std::vector<std::pair<std::string, Value>> &keywords = {}) {
    return call(name, args, keywords).at(0);
  }
  mrun::Error error(const std::string &name, const std::vector<Value> &args,
                    const std::vector<std::pair<std::string, Value>> &keywords = {}) {
    try {
      call(name, args, keywords);
    } catch (const mrun::Error &e) { return e; }
    return mrun::Error(MRUN_OK, "no error");
  }
  int64_t used() const { return item.budget->used(); }

  mrun::ItemContext item;
};

Value n(double x) { return Value::number(x); }
Value numbers(std::initializer_list<double> list) {
  std::vector<Value> values;
  for (double x : list) values.push_back(n(x));
  return Value::list(std::move(values));
}

Tensor photo(int64_t height, int64_t width, int64_t channels = 3) {
  Tensor t = Tensor::empty(mrun::dtype::uint8, {height, width, channels});
  for (int64_t i = 0; i < t.numel(); ++i) t.data<uint8_t>()[i] = uint8_t(i / channels / 3 + i % channels * 40);
  return t;
}

Tensor jpeg(Host &host, int64_t height, int64_t width) {
  return host.one("encode", {photo(height, width), Value::string("jpeg")}).as_tensor();
}

Tensor shortened(const Tensor &bytes, int64_t by) { return bytes.view({bytes.numel() - by}, {1}, 0).read_only(); }

Value chain(Host &host, const Tensor &bytes) {
  const Value decoded = host.one("decode", {bytes});
  const Value resized = host.one("resize", {decoded, n(64)});
  const Value cropped = host.one("center_crop", {resized, n(56)});
  return host.one("normalize", {cropped, numbers({0.485, 0.456, 0.406}), numbers({0.229, 0.224, 0.225})});
}

bool equal(const Value &a, const Value &b) {
  const Tensor x = a.as_tensor().contiguous(), y = b.as_tensor().contiguous();
  return x.shape() == y.shape() && x.dtype() == y.dtype() && std::memcmp(x.data(), y.data(), x.nbytes()) == 0;
}

}  // namespace

TEST_CASE("a chain is computed when its pixels are needed, with the same result") {
  Host host;
  const Tensor bytes = jpeg(host, 120, 170);
  const Value decoded = host.one("decode", {bytes.read_only()});
  CHECK(decoded.is_object());
  CHECK(host.one("resize", {decoded, n(64)}).is_object());
  // Bytes that the script may write are decoded at once.
  CHECK(host.one("decode", {bytes}).is_tensor());
  const Value late = chain(host, bytes.read_only()), soon = chain(host, bytes);
  CHECK(late.as_tensor().shape() == mrun::Shape{3, 56, 56});
  CHECK(equal(late, soon));
}

TEST_CASE("what is used twice is the same each time") {
  Host host;
  const Tensor bytes = jpeg(host, 120, 170).read_only();
  const Value decoded = host.one("decode", {bytes});
  const Value first = host.one("to_float", {host.one("crop", {decoded, n(70), n(90), n(20), n(30)})});
  const Value whole = host.one("to_float", {decoded});
  const Value again = host.one("to_float", {host.one("crop", {decoded, n(70), n(90), n(20), n(30)})});
  CHECK(equal(first, again));
  const float *w = whole.as_tensor().data<float>(), *f = first.as_tensor().data<float>();
  for (int64_t y = 0; y < 20; ++y) CHECK(std::memcmp(w + (y + 70) * 170 + 90, f + y * 30, 30 * sizeof(float)) == 0);
}

TEST_CASE("frames pass through decode") {
  Host host;
  const Tensor frame = photo(10, 12);
  const Value out = host.one("decode", {frame});
  CHECK(out.as_tensor().data() == frame.data());
}

TEST_CASE("a damaged file is an error of decode, whoever needed the pixels") {
  Host host;
  const Tensor cut = shortened(jpeg(host, 120, 170), 200);
  const Value decoded = host.one("decode", {cut});
  const Value resized = host.one("resize", {decoded, n(64)});
  const mrun::Error e = host.error("to_float", {resized});
  CHECK(e.code == MRUN_INPUT);
  CHECK(e.message == "image.to_float: image.decode: the JPEG is truncated");
  CHECK(host.error("decode", {Tensor::empty(mrun::dtype::uint8, {0})}).message == "image.decode: the image is empty");
  CHECK(host.error("decode", {photo(1, 9, 1).view({9}, {1}, 0)}).code == MRUN_INPUT);
}

TEST_CASE("wrong arguments are named") {
  Host host;
  const Tensor img = photo(10, 12);
  struct Case {
    const char *operation;
    std::vector<Value> args;
    const char *says;
  };
  const std::vector<Case> cases{
      {"resize", {img, n(0)}, "image.resize: size is 0; wanted at least 1"},
      {"resize", {img, numbers({0, 5})}, "image.resize: the result is 0 x 5"},
      {"resize", {img, numbers({1048576, 1048576})}, "image.resize: the result is 1048576 x 1048576"},
      {"resize", {img, numbers({1, 2, 3})}, "size has 3 numbers"},
      {"resize", {Value::string("x"), n(5)}, "image is a string; wanted an image"},
      {"resize", {photo(4, 4, 5), n(5)}, "a tensor of 3 dimensions (4 x 4 x 5)"},
      {"center_crop", {img, n(-1)}, "the result is -1 x -1"},
      {"crop", {img, n(0), n(0), n(0), n(4)}, "the result is 0 x 4"},
      {"pad", {img, numbers({1, 2, 3})}, "padding has 3 numbers"},
      {"pad", {img, n(-1)}, "padding is negative"},
      {"pad", {img, n(1), n(300)}, "value is 300; wanted 0 to 255"},
      {"flip", {img, Value::string("sideways")}, "direction is \"sideways\"; wanted horizontal or vertical"},
      {"normalize", {img, numbers({1, 2}), numbers({1})}, "mean has 2 numbers; wanted 3"},
      {"normalize", {img, numbers({1}), numbers({0})}, "std has a zero"},
      {"convert", {img, Value::string("CMYK")}, "the colour space is \"CMYK\""},
      {"rotate", {img, n(std::numeric_limits<double>::infinity())}, "degrees is not a finite number"},
      {"warp", {img, numbers({1, 2, 3}), n(5)}, "matrix has 3 numbers; wanted 6 (affine) or 8 (perspective)"},
      {"encode", {img, Value::string("gif")}, "format is \"gif\"; wanted png or jpeg"},
      {"encode", {photo(4, 4, 4), Value::string("jpeg")}, "the image has 4 channels; a JPEG has 1 or 3"},
      {"crop_resize", {img, numbers({1, 2}), n(5)}, "wanted a tensor [n, 4]"},
      {"crop_resize", {img, Value::list({numbers({5, 5, 5, 9})}), n(5)}, "box 0 holds no part of the image"},
      {"draw_boxes", {img, Value::list({numbers({1, 1, 5, 5})}), Value::list({})}, "labels has 0 texts; wanted 1"},
  };
  for (const Case &c : cases) {
    INFO(c.operation << ": " << c.says);
    const mrun::Error e = host.error(c.operation, c.args);
    CHECK(std::string(e.what()).find(c.says) != std::string::npos);
  }
  // Numbers that are no integers never reach the library.
  for (double bad : {std::nan(""), 2.5, 1e300, -1e300})
    CHECK(host.error("resize", {img, n(bad)}).code == MRUN_ARGUMENT);
}

TEST_CASE("a claimed size is judged before memory is touched") {
  Host host;
  Tensor png = host.one("encode", {photo(8, 8)}).as_tensor();
  uint8_t *bytes = png.data<uint8_t>();
  // Width and height of 60000, and the checksum of that header.
  const uint8_t header[] = {0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0, 0x0f, 0xb0, 0xe2, 0x15};
  std::memcpy(bytes + 16, header, sizeof header);
  const int64_t before = host.used();
  const mrun::Error e = host.error("decode", {png.read_only()});
  CHECK(e.code == MRUN_INPUT);
  CHECK(host.used() == before);
}

TEST_CASE("pixels count against the item's budget and are given back") {
  Host host;
  const Tensor bytes = jpeg(host, 400, 500).read_only();
  Host small(300'000);
  const Value decoded = small.one("decode", {bytes});
  CHECK(small.error("to_float", {decoded}).code == MRUN_QUOTA);
  // A part fits.
  CHECK(small.one("to_float", {small.one("crop", {decoded, n(0), n(0), n(20), n(20)})}).is_tensor());
  {
    Host other(64 << 20);
    for (int i = 0; i < 40; ++i) chain(other, bytes);
    CHECK(other.used() == 0);
  }
}

TEST_CASE("long chains are computed on the way") {
  Host host;
  Value img = host.one("decode", {jpeg(host, 20, 30).read_only()});
  const Value straight = host.one("to_float", {img});
  for (int i = 0; i < 10000; ++i) img = host.one("flip", {img});
  CHECK(equal(host.one("to_float", {img}), straight));
}

TEST_CASE("a tensor with strides is an image too") {
  Host host;
  const Tensor img = photo(10, 12);
  const Tensor transposed = img.view({12, 10, 3}, {3, 36, 1}, 0), grey = img.view({10, 12}, {36, 3}, 0);
  CHECK(equal(host.one("to_float", {transposed}), host.one("to_float", {transposed.contiguous()})));
  CHECK(host.one("to_float", {grey}).as_tensor().shape() == mrun::Shape{1, 10, 12});
  CHECK(equal(host.one("to_float", {grey}), host.one("to_float", {grey.contiguous()})));
}

TEST_CASE("letterbox and crop_resize give what their page says") {
  Host host;
  const std::vector<Value> box = host.call("letterbox", {photo(50, 100), n(64)});
  CHECK(box.at(0).as_tensor().shape() == mrun::Shape{64, 64, 3});
  CHECK(box.at(1).as_number() == 0.64);
  CHECK(box.at(2).as_number() == 0);
  CHECK(box.at(3).as_number() == 16);
  CHECK(box.at(0).as_tensor().data<uint8_t>()[0] == 114);
  const Tensor img = photo(20, 30);
  const Value crops = host.one(
      "crop_resize", {img, Value::list({numbers({3, 4, 13, 9}), numbers({-5, -5, 100, 100})}), numbers({5, 10})});
  CHECK(crops.as_tensor().shape() == mrun::Shape{2, 5, 10, 3});
  const Value plain = host.one("crop", {img, n(4), n(3), n(5), n(10)});
  CHECK(std::memcmp(crops.as_tensor().data(), plain.as_tensor().data(), 5 * 10 * 3) == 0);
}
