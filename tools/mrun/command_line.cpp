#include "command_line.h"

#include <CLI/CLI.hpp>

namespace command {

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::type_name(const std::string &name) {
  option_->type_name(name);
  return *this;
}

Option Option::one_at_a_time() {
  option_->allow_extra_args(false);
  return *this;
}

Option Option::environment(const char *name) {
  option_->envname(name);
  return *this;
}

Option Option::check(Check good) {
  option_->check(CLI::Validator([good = std::move(good)](std::string &given) { return good(given); }, ""));
  return *this;
}

Option Option::needs(const Option &other) {
  option_->needs(other.option_);
  return *this;
}

Option Option::excludes(const Option &other) {
  option_->excludes(other.option_);
  return *this;
}

CommandLine::CommandLine(const std::string &description, const std::string &name)
    : app_(std::make_unique<CLI::App>(description, name)) {}

CommandLine::~CommandLine() = default;

Option CommandLine::add_option(const std::string &names, std::string &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, std::vector<std::string> &values, const std::string &help) {
  return Option(app_->add_option(names, values, help));
}

Option CommandLine::add_option(const std::string &names, int &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, uint64_t &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, double &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_flag(const std::string &names, bool &value, const std::string &help) {
  return Option(app_->add_flag(names, value, help));
}

std::vector<std::string> CommandLine::options() const {
  std::vector<std::string> names;
  for (const CLI::Option *option : std::as_const(*app_).get_options()) names.push_back(option->get_name());
  return names;
}

bool CommandLine::is_given(const std::string &option) const { return app_->get_option(option)->count() > 0; }

}  // namespace command
