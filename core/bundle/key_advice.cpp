#include "bundle/key_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/text.h"

namespace mrun {
namespace {

struct Meant {
  std::string_view words;  // between blanks
  std::string_view advice;
  std::string_view home = "";  // how the section begins that has the key
};

constexpr Meant sections[] = {
    {" parameters config configuration settings options constants hyperparameters ",
     "the parameters of the scripts are [params]"},
    {" script scripts code pipeline preprocess preprocessing forward postprocess postprocessing ",
     "scripts want no section: they are preprocess.lua, forward.lua and postprocess.lua beside bundle.toml"},
    {" asset assets file files labels tokenizer vocab vocabulary ",
     "files want no section: all that lie in assets/ are the bundle's"},
    {" example examples test tests ", "examples want no section: each is a folder in examples/"},
    {" plugin plugins dependencies requires requirements imports ",
     "plugins want no section: scripts name them with require"},
    {" output outputs answer result ", "an answer is what postprocess.lua returns"},
    {" package project metadata about ", "name, version and description are keys of [bundle]"},
    {" batching joined ", "joined calls are [batch]"},
    {" weights network checkpoint ", "a model is [models.main]"},
    {" runtime run engine execution device ", "device, workers and limits are options of a run: mrun run --help"},
    {" signature signatures ", "mrun sign adds a signature to the packed file"},
};

constexpr Meant keys[] = {
    {" name version description ", "it is a key of [bundle]", "[bundle]"},
    {" kind fields ", "it is a key of [input]", "[input]"},
    {" mode max_size max_tokens max_padding exact pad unpad ", "it is a key of [batch]", "[batch]"},
    {" file model backend freeze stateful memory_format ", "it is a key of [models.main]", "[models."},
    {" rtol atol ", "it is a key of [verify]", "[verify]"},
    {" author authors license url ", "it may be a key of [provenance], which takes any"},
    {" batch_size max_batch_size max_batch size ", "the most rows of a joined call are max_size of [batch]"},
    {" device devices gpu cuda ", "it is an option of a run: --device"},
    {" workers num_workers ", "it is an option of a run: --workers"},
    {" threads num_threads ", "it is an option of a run: --threads"},
    {" timeout ", "it is an option of a run: --timeout"},
    {" seed ", "it is an option of a run: --seed"},
    {" tolerance ", "it is rtol and atol of [verify]"},
    {" type input_type ", "the kind of the input is kind of [input]"},
};

const Meant *meant_by(std::span<const Meant> list, std::string_view word) {
  const std::string blanked = fmt::format(" {} ", word);
  const auto found = std::find_if(list.begin(), list.end(), [&](const Meant &m) { return contains(m.words, blanked); });
  return found == list.end() || contains(word, " ") ? nullptr : &*found;
}

}  // namespace

std::string section_advice(std::string_view name) {
  const Meant *meant = meant_by(sections, name);
  return meant == nullptr ? "" : fmt::format("; {}", meant->advice);
}

std::string key_advice(std::string_view key, std::string_view section) {
  const Meant *meant = meant_by(keys, key);
  const bool there = meant != nullptr && !meant->home.empty() && section.starts_with(meant->home);
  return meant == nullptr || there ? "" : fmt::format("; {}", meant->advice);
}

}  // namespace mrun
