#include "plugin/load_rules.h"

#include "base/file.h"
#include "value/json.h"

namespace mrun {

LoadRules load_rules(const std::filesystem::path &plugin) {
  LoadRules rules;
  std::filesystem::path facts = plugin;
  facts.replace_extension(".json");
  std::error_code none;
  if (!std::filesystem::exists(facts, none)) return rules;
  constexpr size_t most = 1 << 20;
  const Value json = parse_json(read_file(facts, MRUN_USAGE, most), {facts.string(), MRUN_USAGE, 8});
  if (const Value *own = json.find("own_memory"); own != nullptr && own->is_bool()) rules.own_memory = own->as_bool();
  const Value *only = json.find("only");
  if (only == nullptr || !only->is_list()) return rules;
  for (const Value &name : only->as_list()) {
    if (name.is_string()) rules.only.emplace_back(name.as_string());
  }
  return rules;
}

}  // namespace mrun
