#include "junit.h"

#include <algorithm>
#include <cstdio>
#include <pugixml.hpp>
#include <sstream>
#include <vector>

#include "base/text.h"
#include "differs.h"
#include "output.h"

namespace command {
namespace {

// What XML 1.0 cannot hold, escaped or not, becomes U+FFFD.
std::string storable(const std::string &text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = mrun::utf8_length(text, i);
    const std::string c = text.substr(i, std::max<size_t>(length, 1));
    const bool control = length == 1 && static_cast<unsigned char>(c[0]) < 0x20 && c != "\t" && c != "\n" && c != "\r";
    const bool never = length == 0 || control || c == "\xEF\xBF\xBE" || c == "\xEF\xBF\xBF";
    out += never ? "\xEF\xBF\xBD" : c;
    i += c.size();
  }
  return out;
}

void set(pugi::xml_node node, const char *name, const std::string &value) {
  node.append_attribute(name) = storable(value).c_str();
}

void set_seconds(pugi::xml_node node, double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", s);
  set(node, "time", text);
}

struct Case {
  enum class Result { ok, failure, error, skipped };
  std::string name;
  Result result = Result::ok;
  std::string type, text;
  double seconds = 0;
};

void add_case(pugi::xml_node suite, const std::string &bundle, const Case &c) {
  pugi::xml_node node = suite.append_child("testcase");
  set(node, "classname", bundle);
  set(node, "name", c.name);
  set_seconds(node, c.seconds);
  if (c.result == Case::Result::ok) return;
  const bool skipped = c.result == Case::Result::skipped;
  const char *const element = skipped ? "skipped" : c.result == Case::Result::error ? "error" : "failure";
  pugi::xml_node why = node.append_child(element);
  if (!skipped) set(why, "type", c.type);
  set(why, "message", c.text);
  if (!skipped) why.text() = storable(c.text).c_str();
}

void set_counts(pugi::xml_node node, const std::vector<Case> &cases, bool of_suite) {
  const auto count = [&](Case::Result result) {
    const auto is = [&](const Case &c) { return c.result == result; };
    return std::to_string(std::count_if(cases.begin(), cases.end(), is));
  };
  double time = 0;
  for (const Case &c : cases) time += c.seconds;
  set(node, "tests", std::to_string(cases.size()));
  set(node, "failures", count(Case::Result::failure));
  set(node, "errors", count(Case::Result::error));
  if (of_suite) set(node, "skipped", count(Case::Result::skipped));
  set_seconds(node, time);
}

void write(const std::string &path, const std::string &bundle, const std::vector<Case> &cases) {
  pugi::xml_document document;
  pugi::xml_node all = document.append_child("testsuites");
  set(all, "name", "mrun verify");
  set_counts(all, cases, false);
  pugi::xml_node suite = all.append_child("testsuite");
  set(suite, "name", bundle);
  set_counts(suite, cases, true);
  for (const Case &c : cases) add_case(suite, bundle, c);
  std::ostringstream text;
  document.save(text, "  ", pugi::format_default, pugi::encoding_utf8);
  Output file({path, "", false});
  file.put(0, text.str());
  file.finish();
}

Case case_of_hashes(const std::string &hashes) {
  Case c{"hashes", Case::Result::ok, "", hashes, 0};
  if (hashes == "none") {
    c.result = Case::Result::skipped;
    c.text = "a folder has no hashes";
  } else if (hashes != "ok") {
    c.result = Case::Result::failure;
    c.type = "hashes";
  }
  return c;
}

}  // namespace

void write_junit(const std::string &path, const std::string &bundle, const View &report) {
  std::vector<Case> cases{case_of_hashes(report.at("hashes").text())};
  const View examples = report.at("examples");
  for (size_t i = 0; i < examples.size(); ++i) {
    const View row = examples[i];
    Case c{"examples/" + row.at("name").text(), Case::Result::ok, "", "", row.at("seconds").number()};
    if (!row.at("equal").flag()) {
      c.result = Case::Result::failure;
      c.type = row.at("leaks").flag() ? "leak" : row.at("stage").text();
      c.text = what_differs(row);
    }
    cases.push_back(std::move(c));
  }
  write(path, bundle, cases);
}

void write_junit_error(const std::string &path, const std::string &bundle, const std::string &message) {
  write(path, bundle, {Case{"open", Case::Result::error, "refused", message, 0}});
}

}  // namespace command
