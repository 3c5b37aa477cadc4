#include "value/wire.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "catch.h"
#include "value/dtype.h"
#include "value/equal.h"
#include "value/json.h"
#include "value/object.h"

using namespace mrun;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor message_of(const std::string &text) {
  Tensor t = Tensor::empty(dtype::uint8, {static_cast<int64_t>(text.size())});
  std::copy(text.begin(), text.end(), t.data<char>());
  return t;
}

Value through(const Value &v) {
  WireReader in(message_of(WireWriter().value(v).finish()), "test");
  Value got = in.value();
  in.finish();
  return got;
}

std::string refused(const std::string &message) {
  try {
    WireReader in(message_of(message), "the worker");
    in.value();
    in.finish();
  } catch (const Error &e) {
    CHECK(e.code == MRUN_PROTOCOL);
    return e.message;
  }
  return "";
}

Tensor counting(DLDataType type, const Shape &shape) {
  Tensor t = Tensor::empty(type, shape);
  for (int64_t i = 0; i < t.numel(); ++i) {
    put_number(type, static_cast<double>(i % 2), t.data<char>() + static_cast<size_t>(i) * item_size(type));
  }
  return t;
}

}  // namespace

TEST_CASE("every kind of value comes through as it was") {
  for (const char *text : {"null", "true", "-0.0", "1.5", "9223372036854775807", "\"\"", "\"héllo\\u0000\"", "[]", "{}",
                           "[[1,[2,{\"a\":null}]],{\"\":1,\"b\":[]}]"}) {
    const Value v = parse_json(text);
    CHECK(equal(v, through(v)));
  }
  CHECK(std::isnan(through(Value::number(std::nan(""))).as_number()));
}

TEST_CASE("tensors of every dtype come through, aligned, with their flags, views as their elements") {
  for (const char *name : {"float32", "int64", "uint8", "bool", "int32", "float64", "float16", "bfloat16", "int8",
                           "int16", "uint16", "uint32", "uint64"}) {
    const Tensor t = counting(*dtype_of(name), {2, 3});
    const Value got = through(Value::list({Value::boolean(true), t, t}));
    for (const int i : {1, 2}) {
      CHECK(equal(t, got.as_list()[static_cast<size_t>(i)]));
      CHECK(reinterpret_cast<uintptr_t>(got.as_list()[static_cast<size_t>(i)].as_tensor().data()) % 64 == 0);
    }
  }
  Tensor rare = Tensor::empty(dtype::complex128, {1});
  std::memset(rare.data(), 7, rare.nbytes());
  CHECK(equal(rare, through(rare)));
  const Tensor t = counting(dtype::float32, {2, 3}), turned = t.view({3, 2}, {1, 3}, 0);
  CHECK(equal(turned, through(turned)));
  CHECK(equal(Tensor::empty(dtype::int8, {4, 0, 5}), through(Tensor::empty(dtype::int8, {4, 0, 5}))));
  CHECK(through(t.read_only()).as_tensor().readonly());
  CHECK_FALSE(through(t).as_tensor().readonly());
  CHECK(through(counting(dtype::uint8, {3}).with_media_type("image/png")).as_tensor().media_type() == "image/png");
}

TEST_CASE("an error comes through with all that it knows, numbers and texts beside it") {
  Error e(MRUN_TIMEOUT, "too late");
  e.stage = "forward";
  e.script = "lib/a.lua";
  e.line = 12;
  e.source = "x = 1";
  e.operation = "image.resize@1";
  e.argument = "size";
  e.traceback = "a\nb";
  WireReader in(message_of(WireWriter().number(0.25).error(e).integer(-3).text("bad \xff").finish()), "test");
  CHECK(in.number() == 0.25);
  const Error got = in.error();
  CHECK(got.code == MRUN_TIMEOUT);
  CHECK(got.line == 12);
  CHECK(got.message + got.stage + got.script + got.source + got.operation + got.argument + got.traceback ==
        e.message + e.stage + e.script + e.source + e.operation + e.argument + e.traceback);
  CHECK(in.integer() == -3);
  CHECK(valid_utf8(in.text()));
  in.finish();
}

TEST_CASE("no error takes its code alone, and what follows is read") {
  const std::string none = WireWriter().error(Error(MRUN_OK, "")).integer(7).finish();
  CHECK(none.size() == WireWriter().integer(MRUN_OK).integer(7).finish().size() + 1);
  WireReader in(message_of(none), "test");
  const Error got = in.error();
  CHECK(got.code == MRUN_OK);
  CHECK(got.message.empty());
  CHECK(in.integer() == 7);
  in.finish();
}

TEST_CASE("objects, deep nests and texts that are none do not leave the process") {
  static const mrun_type type{sizeof(mrun_type), 0, "test.Thing", "", nullptr, nullptr};
  CHECK_THROWS_WITH(WireWriter().value(object_value(&type, nullptr)), ContainsSubstring("a test.Thing cannot leave"));
  Value deep;
  for (size_t i = 0; i <= wire_depth; ++i) deep = Value::list({deep});
  CHECK_THROWS_WITH(WireWriter().value(deep), ContainsSubstring("nest deeper"));
  CHECK_THROWS_WITH(WireWriter().value(Value::string("\xff")), ContainsSubstring("not UTF-8"));
}

TEST_CASE("what no writer wrote is refused") {
  const std::string good = WireWriter().value(parse_json("{\"a\":[1,\"x\"],\"b\":true}")).finish();
  CHECK(refused(good).empty());
  for (size_t n = 0; n < good.size(); ++n) CHECK(refused(good.substr(0, n)) != "");
  CHECK_THAT(refused(good + "x"), ContainsSubstring("1 byte left over"));
  const std::string head = WireWriter().finish() + "\4";
  const auto number = [](uint64_t n) {
    std::string text;
    put<uint64_t>(text, n);
    return text;
  };
  std::string other = good;
  other[4] = 2;
  CHECK_THAT(refused(other), ContainsSubstring("version 2, 1 is wanted"));
  CHECK_THAT(refused(head + '\x08'), ContainsSubstring("no kind 8"));
  CHECK_THAT(refused(head + '\x06' + number(UINT64_MAX)), ContainsSubstring("cut off"));
  CHECK_THAT(refused(head + '\x04' + number(UINT64_MAX)), ContainsSubstring("cut off"));
  CHECK_THAT(refused(head + '\x04' + number(1) + "\xff"), ContainsSubstring("not UTF-8"));
  CHECK_THAT(refused(head + '\x07' + number(2) + number(1) + "b" + '\0' + number(1) + "a" + '\0'),
             ContainsSubstring("not in order"));
  CHECK_THAT(refused(head + std::string(2000, '\x06')), ContainsSubstring("cut off"));
  const std::string float32("\x05\x02\x20\x01\x00\x00", 6);
  std::string shape("\x02\0\0\0", 4);
  CHECK_THAT(refused(head + float32 + shape + number(UINT64_MAX) + number(1)), ContainsSubstring("makes no sense"));
  CHECK_THAT(refused(head + float32 + shape + number(1 << 30) + number(1 << 30)), ContainsSubstring("cut off"));
}

TEST_CASE("a reader takes as many values as it was told, those in lists and of all parts together") {
  const Tensor message = message_of(WireWriter().value(parse_json("[null,{\"a\":[1]}]")).value(Value()).finish());
  WireReader enough(message, "the worker", {}, 6);
  enough.value();
  enough.value();
  CHECK_NOTHROW(enough.finish());
  WireReader few(message, "the worker", {}, 5);
  CHECK_NOTHROW(few.value());
  CHECK_THROWS_WITH(few.value(), ContainsSubstring("more values than anyone may send"));
}
