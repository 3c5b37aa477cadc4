#include "bundle/manifest.h"

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {
std::string refused(const std::string &toml) {
  const Error e = error_of([&] { parse_manifest(toml, "bundle.toml"); });
  CHECK(e.code == MRUN_BUNDLE);
  CHECK(!contains(e.message, "\n"));
  return e.message;
}
}  // namespace

TEST_CASE("manifest: every section is read") {
  const Manifest m = parse_manifest(R"(
[bundle]
name = "landmarks"
version = "1.2.0"
description = "Which landmark"
[input]
kind = "record"
[input.fields]
photo = "image"
question = {kind = "text", optional = true}
[params]
mean = [0.485, 1]
nested.deep = {a = true, b = "text"}
[models.main]
file = "weights/a.pt"
memory_format = "channels_last"
stateful = true
[models.second]
file = "b.pt"
backend = "torch"
[batch]
max_size = 8
pad = { ids = { dims = [0, 2], value = 1.5, side = "left", multiple = 8 } }
unpad = { hidden = { dim = 1, like = "ids" } }
[batch.encode]
mode = "concat"
[batch.decode]
pad = {}
[verify]
rtol = 1e-3
atol = 0
[provenance]
script = "train.py"
epochs = 3
)",
                                    "bundle.toml");
  CHECK(m.name == "landmarks");
  CHECK(m.version == "1.2.0");
  CHECK(m.description == "Which landmark");
  CHECK(m.input == InputKind::record);
  REQUIRE(m.fields.size() == 2);
  CHECK(m.fields[0].name == "photo");
  CHECK(m.fields[0].kind == InputKind::image);
  CHECK_FALSE(m.fields[0].optional);
  CHECK(m.fields[1].optional);
  CHECK(m.params.find("mean")->as_list()[0].as_number() == 0.485);
  CHECK(m.params.find("mean")->as_list()[1].is_int());
  CHECK(m.params.find("nested")->find("deep")->find("a")->as_bool());
  REQUIRE(m.models.size() == 2);
  CHECK(m.models[0].name == "main");
  CHECK(m.models[0].file == "weights/a.pt");
  CHECK(m.models[0].stateful);
  CHECK(m.models[0].options.find("memory_format")->as_string() == "channels_last");
  CHECK(m.models[1].backend == "torch");
  CHECK(m.batch.calls.mode == BatchConfig::Mode::stack);
  CHECK(m.batch.calls.max_size == 8);
  const Pad &pad = m.batch.calls.pad.at("ids");
  CHECK(pad.dims == std::vector<int64_t>{0, 2});
  CHECK(pad.value == 1.5);
  CHECK(pad.left);
  CHECK(pad.multiple == 8);
  CHECK(m.batch.calls.unpad.at("hidden").dim == 1);
  CHECK(m.batch.methods.at("encode").mode == BatchConfig::Mode::concat);
  CHECK(m.batch.methods.at("encode").max_size == 8);
  CHECK(m.batch.methods.at("encode").pad.size() == 1);
  CHECK(m.batch.methods.at("decode").pad.empty());
  CHECK(m.batch.methods.at("decode").unpad.empty());  // nothing is padded that it would be cut back to
  CHECK(m.batch.methods.at("encode").unpad.size() == 1);
  CHECK(m.rtol == 1e-3);
  CHECK(m.atol == 0);
  CHECK(m.provenance.find("epochs")->as_int() == 3);
}

TEST_CASE("manifest: a model's own way of joining takes from [batch] what it does not say") {
  const Manifest m = parse_manifest(
      "[batch]\nmax_size = 8\nexact = true\n[batch.step]\nmax_size = 4\n[models.find]\nfile = \"a.pt\"\n"
      "[models.name]\nfile = \"b.pt\"\nfreeze = true\n[models.name.batch]\nmode = "
      "\"concat\"\n[models.name.batch.step]\n"
      "mode = \"none\"\n",
      "bundle.toml");
  CHECK_FALSE(m.models.at(0).batch);
  REQUIRE(m.models.at(1).batch);
  const Batching &own = *m.models[1].batch;
  CHECK(own.calls.mode == BatchConfig::Mode::concat);
  CHECK(own.calls.max_size == 8);
  CHECK(own.calls.exact);
  CHECK(own.methods.at("step").mode == BatchConfig::Mode::none);
  CHECK(own.methods.at("step").max_size == 8);
  CHECK(m.models[1].options.find("freeze") != nullptr);
  CHECK(m.models[1].options.find("batch") == nullptr);
  CHECK(m.batch.calls.mode == BatchConfig::Mode::stack);
}

TEST_CASE("manifest: an empty one has the defaults") {
  const Manifest m = parse_manifest("", "bundle.toml");
  CHECK(m.input == InputKind::text);
  CHECK(m.params.is_map());
  CHECK(m.params.as_map().empty());
  CHECK(m.models.empty());
  CHECK(m.batch.calls.max_size == 16);
  CHECK(m.rtol == 1e-4);
  CHECK(m.atol == 1e-5);
  CHECK(m.provenance.is_nil());
}

TEST_CASE("manifest: what other projects call a section or key leads to the one that is meant") {
  CHECK(refused("[package]\n") ==
        "bundle.toml:1: [package]: no such section; name, version and description are keys of [bundle]");
  CHECK(refused("[parameters]\nk = 1\n") ==
        "bundle.toml:1: [parameters]: no such section; the parameters of the scripts are [params]");
  CHECK(refused("[scripts]\n") ==
        "bundle.toml:1: [scripts]: no such section; scripts want no section: they are "
        "preprocess.lua, forward.lua and postprocess.lua beside bundle.toml");
  CHECK(refused("[batch]\nbatch_size = 8\n") ==
        "bundle.toml:2: [batch] batch_size: no such key; the most rows of a joined call are max_size of [batch]");
  CHECK(refused("device = \"cuda\"\n") ==
        "bundle.toml:1: device stands above the first section and belongs to none; it is an option of a run: --device");
  CHECK(refused("labels = [\"a\"]\n") ==
        "bundle.toml:1: labels stands above the first section and belongs to none; a parameter of the scripts belongs "
        "into [params]");
}

TEST_CASE("manifest: unknown keys are named with their line and the nearest one") {
  CHECK(refused("[bundle]\nname = \"x\"\n\n[batch]\nmdoe = \"stack\"\n") ==
        "bundle.toml:5: [batch] mdoe: no such key; did you mean 'mode'?");
  CHECK(refused("[bundel]\nname = \"x\"\n") == "bundle.toml:1: [bundel]: no such section; did you mean 'bundle'?");
  CHECK(refused("[bundle]\nfoo = 1\n") ==
        "bundle.toml:2: [bundle] foo: no such key; there are: name, version, description");
  CHECK(refused("[bundle]\nkind = \"image\"\n") == "bundle.toml:2: [bundle] kind: no such key; it is a key of [input]");
  CHECK(refused("[bundle]\nlicense = \"MIT\"\n") ==
        "bundle.toml:2: [bundle] license: no such key; it may be a key of [provenance], which takes any");
  CHECK(
      refused("[palette]\n") ==
      "bundle.toml:1: [palette]: no such section; there are: bundle, input, params, batch, models, verify, provenance");
  CHECK(refused("name = \"x\"\n") ==
        "bundle.toml:1: name stands above the first section and belongs to none; it is a key of [bundle]");
  CHECK(refused("[[model]]\nfile = \"a.pt\"\n") ==
        "bundle.toml:1: [[model]]: a section is written in single brackets: [model]; did you mean 'models'?");
  CHECK(refused("top_k = 3\n") ==
        "bundle.toml:1: top_k stands above the first section and belongs to none; a parameter of the scripts belongs "
        "into [params]");
  CHECK(refused("[batch.forward]\nmax_sise = 3\n") ==
        "bundle.toml:2: [batch.forward] max_sise: no such key; did you mean 'max_size'?");
  CHECK(refused("[models.a]\nfile = \"a.pt\"\nbatch = {mdoe = \"stack\"}\n") ==
        "bundle.toml:3: [models.a.batch] mdoe: no such key; did you mean 'mode'?");
  CHECK(refused("[models.a]\nfile = \"a.pt\"\nbatch = 3\n") ==
        "bundle.toml:3: [models.a] batch: want a table, got an integer");
  CHECK(refused("[input]\nkind = \"record\"\n[input.fields]\nq = {kind = \"text\", optinal = true}\n") ==
        "bundle.toml:4: [input.fields] q optinal: no such key; did you mean 'optional'?");
  CHECK(refused("[verify]\nrtoll = 1\n") == "bundle.toml:2: [verify] rtoll: no such key; did you mean 'rtol'?");
  CHECK(refused("[batch]\npad = {ids = {dim = [0], dims = [0]}}\n") ==
        "bundle.toml:2: [batch] pad.ids dim: no such key; did you mean 'dims'?");
}

TEST_CASE("manifest: wrong types and values say what was wanted") {
  CHECK(refused("[bundle]\nname = 3\n") == "bundle.toml:2: [bundle] name: want a string, got an integer");
  CHECK(refused("bundle = 3\n") == "bundle.toml:1: [bundle]: want a table, got an integer");
  CHECK(refused("[[params]]\na = 3\n") ==
        "bundle.toml:1: [[params]]: a section is written in single brackets: [params]");
  CHECK(refused("[batch]\npad = [{ids = {dims = [0]}}]\n") ==
        "bundle.toml:2: [batch] pad: want a table, { NAME = { dims = [0] } }, got a list");
  CHECK(refused("[batch]\npad = { ids = [0] }\n") ==
        "bundle.toml:2: [batch] pad.ids: want a table, { dims = [0] }, got a list");
  CHECK(contains(refused("[input]\nkind = \"txt\"\n"), "want \"text\", \"image\""));
  CHECK(contains(refused("[input]\nkind = \"record\"\n"), "wants [input.fields]"));
  CHECK(contains(refused("[input]\nkind = \"text\"\n[input.fields]\na = \"text\"\n"),
                 "bundle.toml:3: [input]: [input.fields] wants kind = \"record\""));
  CHECK(contains(refused("[input]\nkind = \"record\"\n[input.fields]\na = \"record\"\n"), "got \"record\""));
  CHECK(contains(refused("[input]\nkind = \"record\"\n[input.fields]\n\"a b\" = \"text\"\n"), "want a name"));
  CHECK(contains(refused("[batch]\nmax_size = 0\n"), "want an integer from 1 to 1048576, got 0"));
  CHECK(contains(refused("[batch]\nmax_size = 2.5\n"), "got a number"));
  CHECK(contains(refused("[batch]\npad = {ids = {}}\n"), "want a list of the item's dimensions"));
  CHECK(contains(refused("[batch]\npad = {ids = {dims = [0, 0]}}\n"), "0 is given twice"));
  CHECK(contains(refused("[batch]\npad = {ids = {dims = [0], side = \"rigth\"}}\n"), "want \"right\" or \"left\""));
  for (const char *value : {"9007199254740993", "9223372036854775807"}) {
    CHECK(contains(refused(fmt::format("[batch]\npad = {{ids = {{dims = [0], value = {}}}}}\n", value)),
                   "holds exactly"));
  }
  const Manifest least =
      parse_manifest("[batch]\npad = {ids = {dims = [0], value = -9223372036854775808}}\n", "bundle.toml");
  CHECK(least.batch.calls.pad.at("ids").value == -0x1p63);
  CHECK(contains(refused("[batch]\nunpad = {h = {dim = 0}}\n"), "want the name of the padded argument"));
  CHECK(contains(refused("[verify]\nrtol = -1\n"), "want a number from 0, got -1"));
  CHECK(contains(refused("[verify]\natol = nan\n"), "want a number from 0"));
  CHECK(contains(refused("[models.main]\nfile = \"../x.pt\"\n"), "is no path inside the bundle"));
  CHECK(contains(refused("[models.other]\nbackend = \"torch\"\n"), "want file"));
  CHECK(contains(refused("[models.a-b]\nfile = \"x.pt\"\n"), "want a name"));
  CHECK(contains(refused("[models]\nencoder = \"x.pt\"\n"),
                 "[models] encoder: want a section [models.encoder] with file = \"…\" below it, got a string"));
  CHECK(contains(refused("[models]\nfile = \"x.pt\"\n"), "want a section [models.main] with"));
  CHECK(contains(refused("[models.main]\nstateful = 1\n"), "want true or false"));
}

TEST_CASE("manifest: dates are refused with the way out") {
  CHECK(refused("[params]\na.b = [1, {c = 2020-01-01}]\n") ==
        "bundle.toml:2: params.a.b.c: a date or time; put it in quotes to keep it as a string");
  CHECK(contains(refused("[provenance]\nday = 2020-01-01T00:00:00Z\n"), "put it in quotes"));
}

// Under the sanitizers: what the parser does with such a character was not defined.
TEST_CASE("manifest: characters beyond ASCII outside of quotes are refused") {
  for (const char *text :
       {"é = 1\n", "[ﻶbb", "[params]\na = 1¡\n", "[params]\na = \"\" ﹿ\n", "[params]\na = 0\"4[bﹿ\n"}) {
    INFO(text);
    CHECK(refused(text).starts_with("bundle.toml:"));
  }
}

TEST_CASE("manifest: syntax errors have their line") {
  CHECK(refused("[bundle]\nname = = 3\n").starts_with("bundle.toml:2: "));
  CHECK(refused("[params]\nlr = [1, 2\n").starts_with("bundle.toml:"));
  CHECK(refused("[params]\na = 1\na = 2\n").starts_with("bundle.toml:3: "));
  CHECK(refused("[params]\na = \"\xff\"\n").starts_with("bundle.toml:"));
}

TEST_CASE("manifest: what is no TOML is shown, with how TOML writes it") {
  const std::pair<const char *, const char *> cases[] = {
      {"kind = image", "a text wants quotes: \"image\""},
      {"version = 1.0.0", "a text wants quotes: \"1.0.0\""},
      {"k = [a, b]", "a text wants quotes: \"a\""},
      {"k = True", "true is written small"},
      {"k = None", "leave the key out"},
      {"k = yes", "it is written true"},
      {"k = NaN", "nan is written small"},
      {"k = “abc”", "plain quotes"},
      {"k = \"abc", "the closing quote is missing"},
      {"k: 3", "joined by =: key = value"},
      {"k 3", "joined by =: key = value"},
      {"top k = 3", "words are joined by _"},
      {"größe = 3", "stands in quotes: \"größe\""},
      {"k = 3,", "no comma stands between keys"},
      {"k = 1, 2", "a list stands in brackets"},
      {"k =", "the value behind = is missing"},
      {"k == 3", "a plain ="},
      {"k += 3", "a plain ="},
      {"k = (1, 2)", "a list is written in brackets: [1, 2]"},
      {"k = [1 2]", "separated by commas"},
      {"k = [1, 2", "the ] that ends a list is missing"},
      {"k = {a: 1}", "written {key = value}"},
      {"k = {a = 1,}", "no comma stands behind the last entry"},
      {"k = {a = 1,\n b = 2}", "is one line; a longer one is a section"},
      {"k = .5", "digits on both sides of the point"},
      {"k = 01", "no zero in front"},
      {"k = 64MB", "without a unit"},
      {"k = 1/255", "nothing is calculated"},
      {"k = 99999999999999999999", "64 bits"},
      {"k = 'a' // note", "a comment begins with #"},
      {"-- note", "a comment begins with #"},
      {"k = \"C:\\data\"", "single quotes"},
      {"k = 1\nk = 2", "k is given twice, first in line 2"},
      {"[models main]", "joined by a point: [models.main]"},
      {"[models", "ends with a bracket"},
      {"[.models]", "a name of letters"},
      {"[[models]", "single brackets"},
      {"[params]", "the section is given twice, first in line 1"}};
  for (const auto &[line, advice] : cases) {
    const std::string message = refused(std::string("[params]\n") + line + "\n");
    INFO(line << ": " << message);
    CHECK(message.starts_with("bundle.toml:"));
    CHECK(contains(message, advice));
  }
  CHECK(refused("[input]\n  kind = image  # a photo\n") ==
        "bundle.toml:2: in `kind = image  # a photo`: a text wants quotes: \"image\"");
  CHECK(contains(refused("{\"bundle\": {}}"), "this is JSON"));
  CHECK(contains(refused("<html></html>"), "web page"));
  CHECK(contains(refused("\xff\xfe[\x00"), "UTF-16"));
  CHECK(contains(refused("[params]\nk = \"\xe9\"\n"), "not UTF-8"));
}

TEST_CASE("manifest: hostile depth and size are refused") {
  std::string dotted = "[params]\n";
  for (int i = 0; i < 100000; ++i) dotted += "a.";
  CHECK(contains(refused(dotted + "a = 1\n"), "dots"));
  CHECK(contains(refused("[params]\nx = " + std::string(100000, '[')), "nested"));
  CHECK(contains(refused("[params]\nx = " + std::string(40, '[') + std::string(40, ']') + "\n"), "nested deeper"));
  CHECK(contains(refused(std::string(size_t{2} << 20, '\n')), "belong in assets/"));
}
