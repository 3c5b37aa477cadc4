#include "value/safetensors.h"

#include <cstring>

#include "base/bytes.h"
#include "bytes.h"
#include "catch.h"
#include "value/json.h"

using namespace mrun;
using test::bytes_of;
using test::error_of;

namespace {

std::string file(std::string_view header, size_t data_bytes) {
  std::string out;
  put<uint64_t>(out, header.size());
  return out.append(header).append(data_bytes, '\0');
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"({{"w":{{"dtype":"{}","shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
}

std::string refused(std::string_view bytes) {
  const Error e = error_of([&] { read_safetensors(bytes_of(bytes), "x.safetensors", MRUN_BUNDLE); });
  CHECK(e.code == MRUN_BUNDLE);
  CHECK(e.message.starts_with("x.safetensors: "));
  return e.message;
}

void says(const std::string &message, std::string_view part) {
  INFO(message);
  CHECK(message.find(part) != std::string::npos);
}

Tensor range(DLDataType type, const Shape &shape) {
  Tensor t = Tensor::empty(type, shape);
  for (size_t i = 0; i < t.nbytes(); ++i) t.data<uint8_t>()[i] = static_cast<uint8_t>(i % 2);
  return t;
}

}  // namespace

TEST_CASE("safetensors: tensors are views of the given bytes") {
  const NamedTensors tensors{{"a", range(dtype::float32, {2, 3})}, {"b", range(dtype::boolean, {5})}};
  const std::string text = write_safetensors(tensors, {{"made by", "a test"}});
  const Tensor bytes = bytes_of(text, false);
  const SafeTensors file = read_safetensors(bytes, "x");
  REQUIRE(file.tensors.size() == 2);
  CHECK(file.metadata == std::map<std::string, std::string>{{"made by", "a test"}});
  const Tensor &a = file.tensors.find("a")->second;
  CHECK(dtype_name(a.dtype()) == std::string(dtype_name(dtype::float32)));
  CHECK(a.shape() == Shape{2, 3});
  CHECK(a.data<char>() >= bytes.data<char>());
  CHECK(a.data<char>() < bytes.data<char>() + bytes.nbytes());
  CHECK_FALSE(a.readonly());
  CHECK(a.bytes() == tensors.find("a")->second.bytes());
  CHECK(read_safetensors(bytes_of(text, true), "x").tensors.find("a")->second.readonly());
}

TEST_CASE("safetensors: views outlive the bytes' owner") {
  Tensor a;
  {
    const Tensor bytes = bytes_of(write_safetensors({{"a", range(dtype::float64, {3})}}));
    a = read_safetensors(bytes, "x").tensors.find("a")->second;
  }
  CHECK(a.bytes() == range(dtype::float64, {3}).bytes());
}

TEST_CASE("safetensors: unaligned tensors are copied, and read-only where the bytes are") {
  const std::string header = one("F32", "[1]", "[0,4]");
  const std::string text = file(header + std::string((8 - header.size() % 8) % 8, ' '), 4);
  for (const bool readonly : {true, false}) {
    const Tensor bytes = bytes_of(text, readonly, 1);
    const Tensor w = read_safetensors(bytes, "x").tensors.find("w")->second;
    CHECK(reinterpret_cast<uintptr_t>(w.data()) % 4 == 0);
    CHECK(w.readonly() == readonly);
  }
}

TEST_CASE("safetensors: the profile: aligned, largest elements first, then by name; the same bytes again") {
  const NamedTensors tensors{{"a", range(dtype::uint8, {3})},
                             {"b", range(dtype::int64, {1})},
                             {"c", range(dtype::float16, {5})},
                             {"aa", range(dtype::float64, {})},
                             {"z", range(dtype::float32, {0})}};
  const std::string text = write_safetensors(tensors);
  uint64_t n;
  std::memcpy(&n, text.data(), 8);
  CHECK((8 + n) % 64 == 0);
  const Value header = parse_json(std::string_view(text).substr(8, n));
  const auto begin = [&](const char *name) { return header.find(name)->find("data_offsets")->as_list()[0].as_int(); };
  CHECK(begin("aa") == 0);
  CHECK(begin("b") == 8);
  CHECK(begin("z") == 16);
  CHECK(begin("c") == 16);
  CHECK(begin("a") == 26);
  CHECK(text.size() == 8 + n + 29);
  CHECK(write_safetensors(read_safetensors(bytes_of(text), "x").tensors) == text);
  CHECK(write_safetensors({}).size() == 64);
}

TEST_CASE("safetensors: dense tensors keep their storage order and strides") {
  const Tensor base = range(dtype::float32, {1, 4, 4, 3});
  for (size_t i = 0; i < 48; ++i) base.data<float>()[i] = static_cast<float>(i);
  const Tensor channels_last = base.view({1, 3, 4, 4}, {48, 1, 12, 3}, 0);
  const SafeTensors file = read_safetensors(bytes_of(write_safetensors({{"w", channels_last}})), "x");
  const Tensor &w = file.tensors.find("w")->second;
  CHECK(w.strides() == Shape{48, 1, 12, 3});
  CHECK(std::string_view(w.data<char>(), w.nbytes()) == base.bytes());
  CHECK(file.metadata.empty());
}

TEST_CASE("safetensors: tensors with holes, repeats or falling strides become row-major") {
  const Tensor base = range(dtype::int32, {8});
  for (int i = 0; i < 8; ++i) base.data<int32_t>()[i] = i;
  const NamedTensors tensors{{"holes", base.view({4}, {2}, 0)},
                             {"repeats", base.view({2, 3}, {0, 1}, 0)},
                             {"falling", base.view({3}, {-1}, 2)}};
  const SafeTensors file = read_safetensors(bytes_of(write_safetensors(tensors)), "x");
  CHECK(to_json(file.tensors.find("holes")->second) == "[0,2,4,6]");
  CHECK(to_json(file.tensors.find("repeats")->second) == "[[0,1,2],[0,1,2]]");
  CHECK(to_json(file.tensors.find("falling")->second) == "[2,1,0]");
}

TEST_CASE("safetensors: shared memory is written once and shared again") {
  const Tensor w = range(dtype::float32, {100});
  const NamedTensors tensors{{"a", w}, {"b", w}, {"part", w.view({50}, {1}, 0)}};
  const std::string text = write_safetensors(tensors);
  const SafeTensors file = read_safetensors(bytes_of(text), "x");
  CHECK(file.tensors.size() == 3);
  CHECK(file.tensors.find("a")->second.data() == file.tensors.find("b")->second.data());
  CHECK(file.tensors.find("a")->second.data() != file.tensors.find("part")->second.data());
}

TEST_CASE("safetensors: what the format cannot hold is refused when writing") {
  const auto refuse = [](const NamedTensors &t) { return error_of([&] { write_safetensors(t); }); };
  says(refuse({{"c", Tensor::empty(dtype::complex64, {1})}}).message, "dtype complex64");
  CHECK(refuse({{"c", Tensor::empty(dtype::complex64, {1})}}).code == MRUN_ARGUMENT);
  says(refuse({{"__metadata__", range(dtype::uint8, {1})}}).message, "cannot be a tensor's name");
  says(refuse({{"\xff", range(dtype::uint8, {1})}}).message, "cannot be a tensor's name");
  says(refuse({{"d", range(dtype::uint8, {1, 1, 1, 1, 1, 1, 1, 1, 1})}}).message, "9 dimensions");
}

TEST_CASE("safetensors: every malformed file has its own error") {
  says(refused(""), "it is empty");
  says(refused("12345678"), "it is a text");
  says(refused(std::string(8, '\1')), "too few");
  std::string huge;
  put<uint64_t>(huge, UINT64_MAX);
  says(refused(huge + "{}"), "at most 100000000 are allowed");
  says(refused(std::string("\x93NUMPY\x01") + std::string(121, ' ')), "NumPy's .npy");
  says(refused(std::string("PK\x03\x04\x14") + std::string(121, ' ')), "a ZIP archive");
  std::string longer;
  put<uint64_t>(longer, 3);
  says(refused(longer + "{}"), "cut off: the header has 3 bytes, 2 are there");
  says(refused(file(" {}", 0)), "does not begin with '{'");
  says(refused(file("[]", 0)), "does not begin with '{'");
  says(refused(file("{", 0)), "line 1, column");
  says(refused(file("{\"\xff\":1}", 0)), "UTF-8");
  says(refused(file(R"({"a":1,"a":2})", 0)), "is twice");
  says(refused(file(R"({"a":[[[]]]})", 0)), "deeper");
  says(refused(file(R"({"a":1})", 0)), "exactly dtype, shape and data_offsets");
  says(refused(file(R"({"a":{"dtype":"U8","shape":[]}})", 1)), "exactly");
  says(refused(file(R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}})", 1)), "exactly");
  says(refused(file(R"({"__metadata__":1})", 0)), "a map of texts");
  says(refused(file(R"({"__metadata__":{"a":1}})", 0)), "a text is wanted");
}

TEST_CASE("safetensors: every malformed tensor has its own error") {
  says(refused(file(one("F128", "[1]", "[0,16]"), 16)), "dtype 'F128' is not known");
  says(refused(file(R"({"w":{"dtype":1,"shape":[],"data_offsets":[0,1]}})", 1)), "a text is wanted");
  for (const char *shape : {"[-1]", "[1.0]", "[\"1\"]", "1", "null", "[true]"}) {
    says(refused(file(one("U8", shape, "[0,1]"), 1)), "shape must be");
  }
  says(refused(file(one("U8", "[1]", "[0,18446744073709551615]"), 1)), "beyond int64");
  says(refused(file(one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1)), "9 dimensions");
  says(refused(file(one("F64", "[4294967296,4294967296]", "[0,0]"), 0)), "too large");
  says(refused(file(one("F64", "[2305843009213693952]", "[0,0]"), 0)), "too large");
  says(refused(file(one("U8", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0)), "too large");
  for (const char *offsets : {"[0]", "[0,1,2]", "[-1,0]", "[0,1.5]", "0"}) {
    says(refused(file(one("U8", "[1]", offsets), 1)), "data_offsets must be");
  }
  says(refused(file(one("U8", "[1]", "[0,2]"), 2)), "has 1 byte, its data_offsets are [0, 2]");
  says(refused(file(one("U8", "[1]", "[1,0]"), 1)), "has 1 byte");
  says(refused(file(one("U8", "[1]", "[1,2]"), 2)), "there is a hole before it");
  says(refused(file(one("U8", "[2]", "[0,2]"), 1)), "the file is cut off");
  says(refused(file(one("U8", "[1]", "[0,1]"), 2)), "there is something behind them");
  says(refused(file("{}", 1)), "there is something behind them");
  const char *two = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                    R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})";
  says(refused(file(two, 3)), "'b' begins at 1 of the data where 2 is wanted: it overlaps");
  std::string boolean = file(one("BOOL", "[2]", "[0,2]"), 2);
  boolean.back() = 2;
  says(refused(boolean), "a boolean is 2; 0 or 1 is wanted");
}

TEST_CASE("safetensors: mrun's own metadata is checked as strictly") {
  const auto with = [](std::string_view key, std::string_view json) {
    const std::string text = to_json(Value::string(json));
    return file(fmt::format(R"({{"__metadata__":{{"{}":{}}},"w":{{"dtype":"U8","shape":[2,3],"data_offsets":[0,6]}}}})",
                            key, text),
                6);
  };
  says(refused(with("mrun.strides", "[")), "mrun.strides: line 1");
  says(refused(with("mrun.strides", "[]")), "a map is wanted");
  says(refused(with("mrun.strides", R"({"x":[1]})")), "names no tensor: 'x'");
  says(refused(with("mrun.strides", R"({"w":[1]})")), "must be 2 integers");
  says(refused(with("mrun.strides", R"({"w":[-3,1]})")), "must be 2 integers");
  for (const char *strides : {"[1,1]", "[0,0]", "[6,1]", "[1,3]", "[9223372036854775807,1]"}) {
    says(refused(with("mrun.strides", fmt::format(R"({{"w":{}}})", strides))), "leave holes or overlap");
  }
  says(refused(with("mrun.alias", R"({"x":"y"})")), "must name a tensor");
  says(refused(with("mrun.alias", R"({"x":1})")), "must name a tensor");
  says(refused(with("mrun.alias", R"({"w":"w"})")), "that tensor is there itself");
}

TEST_CASE("safetensors: tensors as a map, and a map as tensors") {
  const NamedTensors tensors{{"a", range(dtype::uint8, {1})}, {"b", range(dtype::int64, {2})}};
  const NamedTensors back = named_tensors(tensor_map(tensors));
  CHECK(back.size() == 2);
  CHECK(back.find("b")->second.data() == tensors.find("b")->second.data());
  const Error e = error_of([] { named_tensors(Value::map({{"a", Value::integer(1)}})); });
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.message == "a: want a tensor, got the integer 1");
}

TEST_CASE("safetensors: a hundred thousand tensors are read in time, and a hostile name stays harmless") {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    header += fmt::format(R"({}"t{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i ? "," : "", i);
  }
  CHECK(read_safetensors(bytes_of(file(header + "}", 0)), "x").tensors.size() == 100'000);
  CHECK(refused(file(R"({"\u001b[31m\n":1})", 0)).find_first_of("\x1b\n") == std::string::npos);
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
  const std::string text = write_safetensors({{"a", range(dtype::float32, {4})}, {"b", range(dtype::uint8, {3})}});
  for (size_t n = 0; n < text.size(); ++n) refused(std::string_view(text).substr(0, n));
}
