// Reading tokenizer.json: checked access with messages that name the place.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "error.h"

namespace text {

using Json = nlohmann::json;

[[noreturn]] inline void bad_config(const std::string &what) { bad_input("tokenizer.json: " + what); }

inline const Json &member(const Json &j, const char *key) {
  if (!j.is_object()) bad_config(std::string("wanted an object with \"") + key + '"');
  auto it = j.find(key);
  if (it == j.end()) bad_config(std::string("\"") + key + "\" is missing");
  return *it;
}
// nullptr where the key is absent or null.
inline const Json *optional_member(const Json &j, const char *key) {
  if (!j.is_object()) bad_config("wanted an object");
  auto it = j.find(key);
  return it == j.end() || it->is_null() ? nullptr : &*it;
}
inline const std::string &string_member(const Json &j, const char *key) {
  const Json &v = member(j, key);
  if (!v.is_string()) bad_config(std::string("\"") + key + "\" is not a string");
  return v.get_ref<const std::string &>();
}
inline std::string string_member(const Json &j, const char *key, const char *otherwise) {
  return optional_member(j, key) ? string_member(j, key) : otherwise;
}
inline bool bool_member(const Json &j, const char *key, bool otherwise) {
  const Json *v = optional_member(j, key);
  if (!v) return otherwise;
  if (!v->is_boolean()) bad_config(std::string("\"") + key + "\" is not true or false");
  return v->get<bool>();
}
inline uint32_t to_uint(const Json &v, const char *what) {
  if (!v.is_number_unsigned() || v.get<uint64_t>() > UINT32_MAX)
    bad_config(std::string(what) + " is not an integer from 0 to 4294967295");
  return v.get<uint32_t>();
}
inline uint32_t uint_member(const Json &j, const char *key) { return to_uint(member(j, key), key); }
inline uint32_t uint_member(const Json &j, const char *key, uint32_t otherwise) {
  const Json *v = optional_member(j, key);
  return v ? to_uint(*v, key) : otherwise;
}
inline const Json &array_member(const Json &j, const char *key) {
  const Json &v = member(j, key);
  if (!v.is_array()) bad_config(std::string("\"") + key + "\" is not a list");
  return v;
}

}  // namespace text
