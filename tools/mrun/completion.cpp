#include "completion.h"

namespace command {
namespace {

std::string subcommand_names(const std::vector<Page> &pages) {
  std::vector<std::string> names;
  for (size_t i = 1; i < pages.size(); ++i) names.push_back(pages[i].name);
  return joined(names, " ");
}

std::string option_names(const Page &page) {
  std::vector<std::string> names;
  for (const Choice &c : page.choices) {
    if (!c.positional) names.insert(names.end(), c.names.begin(), c.names.end());
  }
  return joined(names, " ");
}

// ---- bash -----------------------------------------------------------------------------------------------------------

// What follows an option of the subcommand; where it is neither a path nor one of a few words nothing is offered.
std::string bash_values(const Page &page) {
  std::string text;
  for (const Choice &c : page.choices) {
    if (c.positional || c.value.empty() || c.takes_path()) continue;
    text += "        " + joined(c.names, " | ") + ") words='" + joined(c.values(), " ") + "' ;;\n";
  }
  return text.empty() ? text : "      case $before in\n" + text + "      esac\n";
}

std::string bash_case(const Page &page, const std::string &pattern, const std::string &more) {
  return "    " + pattern + ")\n      options='" + option_names(page) + more + "'\n" + bash_values(page) + "      ;;\n";
}

constexpr const char *bash_head =
    "# bash completion for mrun\n"
    "_mrun() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options='' words=-\n"
    "  COMPREPLY=()\n"
    "  if [[ ${2-} == @* && ${COMP_LINE:0:COMP_POINT} == *[[:blank:]=]\"$2\" ]]; then # @FILE, NAME=@FILE\n"
    "    local file\n"
    "    while IFS= read -r file; do\n"
    "      [[ ! -d $file ]] || file+=/\n"
    "      printf -v file %q \"$file\"\n"
    "      COMPREPLY+=(\"@$file\")\n"
    "    done < <(compgen -f -- \"${2#@}\")\n"
    "    compopt +o filenames # which would quote the @\n"
    "    [[ ${COMPREPLY[0]-} != */ ]] || compopt -o nospace\n"
    "    return 0\n"
    "  fi\n"
    "  if [[ $word == = ]]; then # --option=\n"
    "    word=\n"
    "  elif [[ $before == = ]]; then # --option=value\n"
    "    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -f -W '";
constexpr const char *bash_middle =
    "' -- \"$word\")\n"
    "    return 0\n"
    "  fi\n"
    "  case ${COMP_WORDS[1]} in\n";
constexpr const char *bash_tail =
    "  esac\n"
    "  if [[ $words != - ]]; then\n"
    "    compopt +o default\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "  elif [[ $word == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "  fi\n"
    "  return 0\n"
    "}\n"
    "complete -o filenames -o default -F _mrun mrun\n";

// ---- zsh ------------------------------------------------------------------------------------------------------------

std::string zsh_quoted(const std::string &text) {
  std::string out = replaced(text, "\\", "\\\\");
  for (const char *special : {"[", "]", ":"}) out = replaced(out, special, std::string("\\") + special);
  return replaced(out, "'", "'\\''");
}

std::string zsh_value(const Choice &c) {
  if (c.value.empty()) return "";
  const std::string words = joined(c.values(), " ");
  return ":" + zsh_quoted(c.value) + ":" + (c.takes_path() ? "_files" : words.empty() ? " " : "(" + words + ")");
}

// "'(-o --output)-o+[the file to write]:FILE:_files'": -oFILE, -o FILE, --output=FILE and --output FILE.
std::string zsh_option(const Choice &c) {
  std::string text;
  for (const std::string &name : c.names) {
    const std::string once = c.repeatable ? "*" : c.names.size() > 1 ? "(" + joined(c.names, " ") + ")" : "";
    const std::string value = c.value.empty() ? "" : name.starts_with("--") ? "=" : "+";
    text += " \\\n      '" + once + name + value + "[" + zsh_quoted(c.text) + "]" + zsh_value(c) + "'";
  }
  return text;
}

std::string zsh_arguments(const Page &page) {
  std::string text = "_arguments -S";
  for (const Choice &c : page.choices) {
    if (!c.positional) text += zsh_option(c);
  }
  return text + " \\\n      '*:file:{compset -P \"([^=]#=|)@\"; _files}'";  // @FILE, NAME=@FILE
}

// ---- fish -----------------------------------------------------------------------------------------------------------

std::string fish_quoted(const std::string &text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fish_value(const Choice &c) {
  if (c.value.empty()) return "";
  if (c.takes_path()) return " -r -F";
  const std::vector<std::string> values = c.values();
  return values.empty() ? " -x" : " -x -a " + fish_quoted(joined(values, " "));
}

std::string fish_options(const Page &page, const std::string &condition) {
  std::string text;
  for (const Choice &c : page.choices) {
    if (c.positional) continue;
    text += "complete -c mrun -n " + fish_quoted(condition);
    for (const std::string &name : c.names) {
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    text += fish_value(c) + " -d " + fish_quoted(c.text) + "\n";
  }
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<Page> &pages) {
  std::string text = bash_head + subcommand_names(pages) + bash_middle;
  for (size_t i = 1; i < pages.size(); ++i) text += bash_case(pages[i], pages[i].name, "");
  return text + bash_case(pages[0], "*", " --version") + bash_tail;
}

std::string zsh_completion(const std::vector<Page> &pages) {
  std::string names, cases;
  for (size_t i = 1; i < pages.size(); ++i) {
    names += "  '" + pages[i].name + ":" + zsh_quoted(pages[i].summary) + "'\n";
    cases +=
        "  " + pages[i].name + ")\n    shift words\n    (( CURRENT-- ))\n    " + zsh_arguments(pages[i]) + "\n    ;;\n";
  }
  return "#compdef mrun\n# zsh completion for mrun\nlocal -a subcommands\nsubcommands=(\n" + names +
         ")\nif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n  _describe subcommand subcommands\n  _files\n  "
         "return\nfi\n"
         "case $words[2] in\n" +
         cases + "  *)\n    " + zsh_arguments(pages[0]) + " \\\n      '--version[print the version]'\n    ;;\nesac\n";
}

std::string fish_completion(const std::vector<Page> &pages) {
  std::string text =
      "# fish completion for mrun\n"
      "function __mrun_first\n  test (count (commandline -opc)) -eq 1\nend\n"
      "function __mrun_in\n  set -l words (commandline -opc)\n"
      "  test (count $words) -gt 1; and contains -- $words[2] $argv\nend\n"
      "function __mrun_files # @FILE, NAME=@FILE\n  set -l word (commandline -ct)\n"
      "  set -l before (string match -r -- '^(?:[^=/]*=)?@' $word); or return\n"
      "  for file in (__fish_complete_path (string replace -- $before '' $word))\n    echo $before$file\n  end\nend\n"
      "complete -c mrun -n 'not __mrun_first' -a '(__mrun_files)'\n";
  for (size_t i = 1; i < pages.size(); ++i) {
    text += "complete -c mrun -n __mrun_first -a " + pages[i].name + " -d " + fish_quoted(pages[i].summary) + "\n" +
            fish_options(pages[i], "__mrun_in " + pages[i].name);
  }
  return text + fish_options(pages[0], "not __mrun_in " + subcommand_names(pages)) +
         "complete -c mrun -n __mrun_first -l version -d 'print the version'\n";
}

}  // namespace command
