# mrun_add_plugin: a plugin for mrun, for those of the repository as for those of anyone; installed beside mrunConfig.cmake.
include_guard()
set(MRUN_PLUGIN_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# mrun_embed(TARGET SYMBOL FILE): `extern const char SYMBOL[]` (C++) holds the text of FILE.
function(mrun_embed target symbol file)
  get_filename_component(path "${file}" ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
  add_custom_command(OUTPUT ${out} DEPENDS ${path} ${MRUN_PLUGIN_CMAKE_DIR}/embed.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -D IN=${path} -D OUT=${out} -D SYMBOL=${symbol} -P ${MRUN_PLUGIN_CMAKE_DIR}/embed.cmake)
  target_sources(${target} PRIVATE ${out})
endfunction()

# mrun_export(TARGET MAP): the shared library exports what the version script MAP lists, and its own calls stay inside it.
function(mrun_export target map)
  target_link_options(${target} PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic -Wl,--exclude-libs,ALL -Wl,--as-needed)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
endfunction()

# mrun_add_plugin(NAME SOURCES file ... [LUA NAME.lua] [LINK library ...] [PROVIDES prefix ...] [SUFFIXES .ext ...]
#   [LIBRARIES name.so.1 ...] [ONLY name.so.1 ...] [TENSOR_METHODS] [OWN_MEMORY] [OLD_OPEN] [CODE mprotect|"in place"] [TARGET name]):
# NAME.so and NAME.json in the target's output folder (CMAKE_LIBRARY_OUTPUT_DIRECTORY, else this folder's build folder).
#   LUA             the text of its Lua module, as `extern const char mrun_lua_NAME[]`; needs C++
#   PROVIDES        namespaces that it looks up lazily: "aten."
#   SUFFIXES        of the model files that its backend opens: ".onnx"
#   LIBRARIES       shared libraries to open one by one before it: it then loads faster where they are very many
#   ONLY            libraries of which a process may hold one version; the plugin is refused where it holds another
#   TENSOR_METHODS  its Lua module gives tensors their operators and methods
#   OWN_MEMORY      its libraries give back only memory that they took themselves with malloc or new: they are then bound to
#                   what they bring (RTLD_DEEPBIND) even where the process has a malloc of its own
#   OLD_OPEN        its libraries look for files by the system call open, and work without them: in a worker process it is refused,
#                   not the end
#   CODE            how its libraries make native code while they run, which a worker process then allows
#   TARGET          the target's name, where it cannot be NAME
function(mrun_add_plugin name)
  cmake_parse_arguments(ARG "TENSOR_METHODS;OWN_MEMORY;OLD_OPEN" "LUA;CODE;TARGET" "SOURCES;LINK;PROVIDES;SUFFIXES;LIBRARIES;ONLY" ${ARGN})
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "mrun_add_plugin: a plugin's name is [a-z][a-z0-9_]*, not \"${name}\"")
  endif()
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_SOURCES)
    message(FATAL_ERROR "mrun_add_plugin(${name}): SOURCES are missing, or unknown: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  set(target ${name})
  if(ARG_TARGET)
    set(target ${ARG_TARGET})
  endif()
  add_library(${target} MODULE ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON INSTALL_RPATH_USE_LINK_PATH ON)
  target_link_libraries(${target} PRIVATE mrun::plugin ${ARG_LINK})
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    target_compile_features(${target} PRIVATE cxx_std_17)
  endif()
  mrun_export(${target} ${MRUN_PLUGIN_CMAKE_DIR}/plugin.map)
  if(ARG_LUA)
    mrun_embed(${target} mrun_lua_${name} ${ARG_LUA})
  endif()
  _mrun_plugin_facts(${target} ${name})
endfunction()

# NAME.json beside the shared object: what the host must know of a plugin before it loads it.
macro(_mrun_plugin_facts target name)
  foreach(key PROVIDES SUFFIXES LIBRARIES ONLY)
    list(TRANSFORM ARG_${key} REPLACE "(.+)" "\"\\1\"" OUTPUT_VARIABLE ${key})
    list(JOIN ${key} ", " ${key})
  endforeach()
  foreach(flag TENSOR_METHODS OWN_MEMORY OLD_OPEN)
    set(${flag} false)
    if(ARG_${flag})
      set(${flag} true)
    endif()
  endforeach()
  get_target_property(folder ${target} LIBRARY_OUTPUT_DIRECTORY)
  if(NOT folder)
    set(folder ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  file(CONFIGURE OUTPUT ${folder}/${name}.json CONTENT
    "{\"provides\": [${PROVIDES}], \"suffixes\": [${SUFFIXES}], \"libraries\": [${LIBRARIES}], \"only\": [${ONLY}], \"own_memory\": ${OWN_MEMORY}, \"tensor_methods\": ${TENSOR_METHODS}, \"old_open\": ${OLD_OPEN}, \"code\": \"${ARG_CODE}\"}\n" @ONLY)
endmacro()
