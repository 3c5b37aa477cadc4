#include "exec/input.h"

#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "catch.h"
#include "value/npy.h"
#include "value/safetensors.h"

using namespace mrun;

TEST_CASE("an input is read from bytes by the bundle's kind") {
  CHECK(read_input_bytes(InputKind::text, "@etc").as_string() == "@etc");  // names no file
  CHECK(read_input_bytes(InputKind::json, "{\"a\": 1}").find("a")->as_int() == 1);
  for (const char *text : {"a\n", "a", "a\r\n",
                           "\xEF\xBB\xBF"
                           "a\n"}) {  // as of a file
    CHECK(read_input_bytes(InputKind::text, text).as_string() == "a");
  }
  CHECK(read_input_bytes(InputKind::json, "\xEF\xBB\xBF[1]\n").as_list().size() == 1);
  const Value bytes = read_input_bytes(InputKind::image, "\xFF\xD8");
  CHECK(bytes.as_tensor().shape() == Shape{2});
  Tensor t = Tensor::empty(dtype::int64, {2});
  t.data<int64_t>()[0] = 4;
  t.data<int64_t>()[1] = 5;
  CHECK(read_input_bytes(InputKind::tensor, write_npy(t)).as_tensor().data<int64_t>()[1] == 5);
  const Value table = read_input_bytes(InputKind::tensor, write_safetensors({{"x", t}}));
  CHECK(table.find("x")->as_tensor().data<int64_t>()[0] == 4);
}

TEST_CASE("bytes that are no such input are named") {
  for (const InputKind kind : {InputKind::text, InputKind::json, InputKind::tensor}) {
    CHECK_THROWS_AS(read_input_bytes(kind, "\xFF{"), Error);
    CHECK_THROWS_AS(read_input_bytes(kind == InputKind::text ? InputKind::record : kind, ""), Error);
  }
}

TEST_CASE("an error in a file's JSON names the file") {
  std::string folder = (std::filesystem::temp_directory_path() / "mrun-input-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/bad.json";
  std::ofstream(path) << "{\n";
  for (const InputKind kind : {InputKind::json, InputKind::record}) {
    try {
      read_input(kind, "@" + path);
      FAIL();
    } catch (const Error &e) { CHECK(e.message.find(path + ": line 2") == 0); }
  }
  std::filesystem::remove_all(folder);
}
