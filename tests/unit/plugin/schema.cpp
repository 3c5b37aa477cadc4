#include "plugin/schema.h"

#include "base/error.h"
#include "catch.h"

using namespace mrun;

namespace {
std::string refused(std::string_view text) {
  try {
    parse_schema(text);
  } catch (const Error &e) {
    CHECK(e.code == MRUN_USAGE);
    return e.message;
  }
  return "";
}
}  // namespace

TEST_CASE("a schema has name, version, parameters and results") {
  const Schema s =
      parse_schema("image.resize@1(Tensor image, int[] size, *, str filter='bilinear', int? max=None) -> Tensor");
  CHECK(s.name == "image.resize");
  CHECK(s.version == 1);
  CHECK(s.full_name() == "image.resize@1");
  REQUIRE(s.parameters.size() == 4);
  CHECK(s.parameters[0].type.base == Base::tensor);
  CHECK(s.parameters[1].type.list);
  CHECK(s.parameters[1].type.text() == "int[]");
  CHECK_FALSE(s.parameters[1].keyword_only);
  CHECK(s.parameters[2].keyword_only);
  CHECK(s.parameters[2].default_value.as_string() == "bilinear");
  CHECK(s.parameters[3].type.optional);
  CHECK(s.parameters[3].has_default);
  CHECK(s.results.size() == 1);
  CHECK(s.signature() == "Tensor,int[],str,int?->Tensor");
}

TEST_CASE("overloads stand after a colon") {
  const Schema s = parse_schema("aten.softmax:int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor");
  CHECK(s.name == "aten.softmax");
  CHECK(s.overload == "int");
  CHECK(s.version == 0);
  CHECK(s.full_name() == "aten.softmax:int");
}

TEST_CASE("a result is found by its name and by its place") {
  const Schema s = parse_schema("forward(Tensor ids) -> (Tensor hidden, Tensor)");
  CHECK(s.results.size() == 2);
  CHECK(s.find_result("hidden") == 0);
  CHECK(s.find_result("1") == 0);
  CHECK(s.find_result("2") == 1);
  CHECK_FALSE(s.find_result("3"));
  CHECK_FALSE(s.find_result(""));
  CHECK_THROWS_AS(parse_schema("forward() -> (int a, int a)"), Error);
}

TEST_CASE("canonical text is read back as the same schema") {
  const char *const texts[] = {
      "forward(Tensor ids) -> Tensor",
      "a.b@3() -> ()",
      "a.T.m@1(a.T self, a.T? other=None) -> a.T",
      "a.b@1(Tensor(a!) x, Tensor(b)[] y, Tensor?[] z) -> (Tensor(a!), Tensor(b)[])",
      "a.b@1(int[2] x=[1, 2], int[3]? y=None, float[] z=[], bool b=True, bool c=False) -> int",
      "a.b@1(float x=2.0, float y=-0.001, float z=1e+30, float i=inf, float j=-inf) -> float",
      "a.b@1(Scalar x=1, Scalar y=1.5, Scalar z=True, Any v=None, Any? w=None) -> Any",
      "a.b@1(str x='it\\'s \\\\ a\\nline', str[] y=['a', 'b']) -> str[]",
      "a.b@1(Dict(str, Tensor) x, Dict(str, Dict(str, int[])) y={}) -> Dict(str, float)",
      "a.b@1(Callable f, Device device='cpu', ScalarType dtype='int64', Generator? generator=None) -> int?",
      "a.b@1(*, int n) -> int",
      "forward(Tensor ids) -> (Tensor hidden, Tensor, Tensor(a!) logits)",
      "forward(Tensor ids) -> Tensor hidden",
  };
  for (const char *text : texts) {
    INFO(text);
    CHECK(parse_schema(text).text() == text);
  }
}

TEST_CASE("what PyTorch prints is read too") {
  const auto same = [](const char *printed, const char *canonical) {
    CHECK(parse_schema(printed).text() == canonical);
  };
  same("a.b(Tensor(a -> *) x) -> (Tensor(a)[])", "a.b(Tensor(a) x) -> Tensor(a)[]");
  same("a.b(Tensor self, int dim=-1) -> (Tensor values, Tensor indices)",
       "a.b(Tensor self, int dim=-1) -> (Tensor values, Tensor indices)");
  same("a.b(float alpha=1.) -> Tensor out", "a.b(float alpha=1.0) -> Tensor out");
  same("a.b(float alpha=1) -> Tensor", "a.b(float alpha=1.0) -> Tensor");
  same("a.b(str mode=\"constant\") -> Tensor", "a.b(str mode='constant') -> Tensor");
  same("a.b(ScalarType dtype=long) -> Tensor", "a.b(ScalarType dtype='int64') -> Tensor");
  same("a.b(Device device=cuda, Any x=[1, 'a']) -> ()", "a.b(Device device='cuda:0', Any x=[1, 'a']) -> ()");
  same("  a.b( int[2]  x = 1 ,  * , int y ) ->Tensor ", "a.b(int[2] x=[1, 1], *, int y) -> Tensor");
}

TEST_CASE("a bad schema is refused with its place") {
  const struct {
    const char *text, *says;
  } bad[] = {
      {"", "want a name"},
      {"a.b", "want '('"},
      {"a.b@0() -> ()", "from 1 to"},
      {"a.b@x() -> ()", "from 1 to"},
      {"a.b@99999999999999999999() -> ()", "from 1 to"},
      {"a..b() -> ()", "name after the dot"},
      {"a.b(tensor x) -> ()", "unknown type tensor"},
      {"a.b(Tensor) -> ()", "want the parameter's name"},
      {"a.b(Tensor x", "want ')'"},
      {"a.b(Tensor x)", "want \"->\""},
      {"a.b(Tensor x) -> ", "want a name"},
      {"a.b(Tensor x) -> Tensor junk more", "want the end"},
      {"a.b(Tensor x, int x) -> ()", "two parameters are called x"},
      {"a.b(*, *, int x) -> ()", "one '*'"},
      {"a.b(int?? x) -> ()", "one '?'"},
      {"a.b(int[][] x) -> ()", "list of lists"},
      {"a.b(int[0] x) -> ()", "from 1 to"},
      {"a.b(int[-1] x) -> ()", "want ']'"},
      {"a.b(int(a) x) -> ()", "only a Tensor"},
      {"a.b(Tensor(1) x) -> ()", "alias mark"},
      {"a.b(Dict(int, Tensor) x) -> ()", "keys are str"},
      {"a.b(int x=2.5) -> ()", "no int"},
      {"a.b(int x='a') -> ()", "no int"},
      {"a.b(int x=None) -> ()", "no int"},
      {"a.b(Tensor x=1) -> ()", "no Tensor"},
      {"a.b(int x=[1]) -> ()", "no int"},
      {"a.b(int[] x=[[1]]) -> ()", "list of lists"},
      {"a.b(int[] x=[1, 'a']) -> ()", "no int[]"},
      {"a.b(str x='abc) -> ()", "does not end"},
      {"a.b(str x='\\q') -> ()", "after a backslash"},
      {"a.b(ScalarType x=quaternion) -> ()", "no ScalarType"},
      {"a.b(int x=9223372036854775808) -> ()", "from -9223372036854775808"},
      {"a.b(bool x=maybe) -> ()", "want a default"},
      {"a.b() -> Callable", "cannot be of this type"},
  };
  for (const auto &b : bad) {
    INFO(b.text);
    CHECK_THAT(refused(b.text), Catch::Matchers::ContainsSubstring(b.says));
  }
  CHECK_THAT(refused("a.b(Tensor x, itn y) -> ()"), Catch::Matchers::ContainsSubstring("at character 15"));
  std::string deep = "a.b(", many = "a.b(";
  for (int i = 0; i < 100; ++i) deep += "Dict(str, ";
  CHECK_THAT(refused(deep), Catch::Matchers::ContainsSubstring("nested too deep"));
  for (int i = 0; i < 300; ++i) many += "int a" + std::to_string(i) + ", ";
  CHECK_THAT(refused(many), Catch::Matchers::ContainsSubstring("more than 128"));
  CHECK_THAT(refused(std::string(100000, 'a')), Catch::Matchers::ContainsSubstring("at most 65536 bytes"));
}

TEST_CASE("every prefix of a schema is refused or read, never worse") {
  const std::string text =
      "a.b@1(Tensor(a!)[] x, Dict(str, int[2]?) y={}, *, str z='q\\n', float[] w=[1, 2.5]) -> (Tensor, int?)";
  for (size_t n = 0; n < text.size(); ++n) CHECK_FALSE(refused(text.substr(0, n)).empty());
}

TEST_CASE("a function serves a schema whose types it takes") {
  const Schema s = parse_schema("a.b@1(Tensor x, int[2] n, ScalarType? t=None, Dict(str, int) d) -> (Tensor, str)");
  CHECK(serves("Tensor,int[],str?,Dict(str,int)->(Tensor,str)", s));
  CHECK(serves("Tensor, int[], str?, Dict(str, int) -> (Tensor, str)", s));
  CHECK(serves("Any,Any,Any,Any->(Any,str)", s));
  CHECK(serves("Tensor?,int[],str?,Dict(str,int)->(Tensor,str)", s));
  CHECK_FALSE(serves("Tensor,int[],str,Dict(str,int)->(Tensor,str)", s));
  CHECK_FALSE(serves("Tensor,float[],str?,Dict(str,int)->(Tensor,str)", s));
  CHECK_FALSE(serves("Tensor,int[],str?->(Tensor,str)", s));
  CHECK_FALSE(serves("Tensor,int[],str?,Dict(str,int)->Tensor", s));
  CHECK_FALSE(serves("Tensor,int[],str?,Dict(str,int)->(Tensor?,str)", s));
  CHECK_FALSE(serves("nonsense", s));
  CHECK(serves("->()", parse_schema("a.b@1() -> ()")));
}
