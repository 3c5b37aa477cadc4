#include "value/npy.h"

#include <cstring>

#include "base/bytes.h"
#include "bytes.h"
#include "catch.h"
#include "value/json.h"

using namespace mrun;
using test::bytes_of;
using test::error_of;

namespace {

std::string file(std::string_view header, size_t data_bytes, char major = 1) {
  std::string out = "\x93NUMPY";
  out += {major, '\0'};
  if (major == 1) {
    put<uint16_t>(out, static_cast<uint16_t>(header.size()));
  } else {
    put<uint32_t>(out, static_cast<uint32_t>(header.size()));
  }
  return out.append(header).append(data_bytes, '\0');
}

std::string header(std::string_view descr, std::string_view order, std::string_view shape) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr, order, shape);
}

std::string refused(std::string_view bytes) {
  const Error e = error_of([&] { read_npy(bytes_of(bytes), "x.npy"); });
  CHECK(e.code == MRUN_INPUT);
  CHECK(e.message.starts_with("x.npy: "));
  return e.message;
}

void says(const std::string &message, std::string_view part) {
  INFO(message);
  CHECK(message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("npy: an array is a view of the given bytes") {
  Tensor t = Tensor::empty(dtype::float32, {2, 3});
  for (int i = 0; i < 6; ++i) t.data<float>()[i] = static_cast<float>(i);
  const Tensor bytes = bytes_of(write_npy(t));
  const Tensor back = read_npy(bytes, "x");
  CHECK(to_json(back) == "[[0,1,2],[3,4,5]]");
  CHECK(back.readonly());
  CHECK(back.data<char>() > bytes.data<char>());
  CHECK(back.data<char>() < bytes.data<char>() + bytes.nbytes());
  const Tensor shifted = read_npy(bytes_of(write_npy(t), false, 1), "x");
  CHECK(to_json(shifted) == "[[0,1,2],[3,4,5]]");
  CHECK_FALSE(shifted.readonly());
}

TEST_CASE("npy: column-major arrays are views with column-major strides") {
  std::string text = file(header("|u1", "True", "(2, 3)"), 6);
  for (int i = 0; i < 6; ++i) text[text.size() - 6 + static_cast<size_t>(i)] = static_cast<char>(i);
  const Tensor t = read_npy(bytes_of(text), "x");
  CHECK(t.strides() == Shape{1, 2});
  CHECK(to_json(t) == "[[0,2,4],[1,3,5]]");
}

TEST_CASE("npy: headers as Python may write them") {
  for (const char *text : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                           "{'shape':(2,),'fortran_order':False,'descr':'<f4'}   \n",
                           "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L,)}"}) {
    for (const char major : {1, 2, 3}) CHECK(read_npy(bytes_of(file(text, 8, major)), "x").shape() == Shape{2});
  }
  CHECK(read_npy(bytes_of(file(header("<f8", "False", "()"), 8)), "x").dim() == 0);
  CHECK(read_npy(bytes_of(file(header("<f8", "False", "(0, 5)"), 0)), "x").shape() == Shape{0, 5});
}

TEST_CASE("npy: bfloat16 is written as float32, other foreign dtypes are refused") {
  Tensor t = Tensor::empty(dtype::bfloat16, {1});
  *t.data<uint16_t>() = 0x3F80;
  const Tensor back = read_npy(bytes_of(write_npy(t)), "x");
  CHECK(dtype_name(back.dtype()) == std::string(dtype_name(dtype::float32)));
  CHECK(to_json(back) == "[1]");
  CHECK(error_of([] { write_npy(Tensor::empty(dtype::float8_e5m2, {1})); }).code == MRUN_ARGUMENT);
}

TEST_CASE("npy: every malformed file has its own error") {
  says(refused(""), "is not a .npy file");
  says(refused("\x93NUMP"), "is not a .npy file");
  says(refused("PK\x03\x04"), "is not a .npy file");
  says(refused("\x93NUMPY"), "cut off");
  says(refused(file("{}", 0, 4)), "version 4.0");
  says(refused(std::string("\x93NUMPY\x01\x01\x00\x00", 10)), "version 1.1");
  says(refused(std::string("\x93NUMPY\x01\x00\xff\x00{", 11)), "cut off");
  says(refused(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13)), "at most 65535");
  says(refused(file("", 0)), "'{' is wanted");
  says(refused(file("{'descr': '<f4'", 0)), "',' or '}' is wanted");
  says(refused(file("{'descr", 0)), "a text does not end");
  says(refused(file("{'des\\x63r': '<f4'}", 0)), "backslash");
  says(refused(file("{'descr': '<f4'}", 0)), "must hold descr, fortran_order and shape");
  says(refused(file("{'descr': '<f4', 'descr': '<f4'}", 0)), "given twice");
  says(refused(file("{'other': 1}", 0)), "'other' is not known");
  says(refused(file(header("<f4", "False", "(1,)") + "x", 4)), "something stands behind");
  says(refused(file(header("<f4", "0", "(1,)"), 4)), "True or False");
  says(refused(file(header("<f4", "Falsehood", "(1,)"), 4)), "is wanted");
}

TEST_CASE("npy: every malformed shape has its own error") {
  says(refused(file(header("<f4", "False", "(1)"), 4)), "',' or ')' is wanted");
  says(refused(file(header("<f4", "False", "1"), 4)), "'(' is wanted");
  says(refused(file(header("<f4", "False", "(-1,)"), 4)), "integers from 0");
  says(refused(file(header("<f4", "False", "(1.5,)"), 4)), "is wanted");
  says(refused(file(header("<f4", "False", "(99999999999999999999,)"), 4)), "beyond 64 bits");
  says(refused(file(header("<f4", "False", "(4611686018427387904,)"), 4)), "too large");
  says(refused(file(header("<f4", "False", "(4294967296, 4294967296, 4294967296)"), 4)), "too large");
  says(refused(file(header("<f4", "False", "(1000000000,)"), 4)), "has 4000000000 bytes, 4 are there");
  says(refused(file(header("<f4", "False", "(1,)"), 5)), "has 4 bytes, 5 are there");
  std::string dims;
  for (int i = 0; i < 33; ++i) dims += "1,";
  says(refused(file(header("<f4", "False", "(" + dims + ")"), 4)), "more than 32 dimensions");
}

TEST_CASE("npy: every dtype that is not a tensor's has its own error") {
  says(refused(file(header(">f4", "False", "(1,)"), 4)), "big-endian");
  says(refused(file(header("|O", "False", "(1,)"), 4)), "Python objects, which are never loaded");
  says(refused(file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4)), "records");
  for (const char *type : {"<U1", "|S4", "<M8[s]", "<f16", "", "f4", "|f4", "=f4", "<f3", "<V4"}) {
    says(refused(file(header(type, "False", "(1,)"), 4)), "cannot be a tensor's");
  }
  std::string boolean = file(header("|b1", "False", "(1,)"), 1);
  boolean.back() = 7;
  says(refused(boolean), "a boolean is 7");
}

TEST_CASE("npy: a file cut anywhere is refused") {
  const std::string text = write_npy(Tensor::empty(dtype::int16, {3}));
  for (size_t n = 0; n < text.size(); ++n) refused(std::string_view(text).substr(0, n));
}
