# The project's build rules: one target a folder, which sees the headers of what it links and of nothing else.
include_guard()
find_package(PkgConfig REQUIRED)
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CMAKE_C_STANDARD 99)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")
set(CMAKE_C_FLAGS_DEBUG "-Og -g1")
# bin/mrun finds lib/libmrun.so, lib/mrun/plugins/NAME.so and share beside itself, in the build folder as when installed.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(MRUN_PLUGIN_DIR ${CMAKE_BINARY_DIR}/lib/mrun/plugins)
include(GNUInstallDirs)
# What is installed knows itself by the ways from file to file, as the tree may be moved: also where a distribution gives
# its folders whole.
foreach(kind BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
    file(RELATIVE_PATH CMAKE_INSTALL_${kind} "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_${kind}}")
  endif()
  if(CMAKE_INSTALL_${kind} MATCHES "^\\.\\.")
    message(FATAL_ERROR "CMAKE_INSTALL_${kind} is not below CMAKE_INSTALL_PREFIX, ${CMAKE_INSTALL_PREFIX}: the installed tree may be moved as a whole")
  endif()
endforeach()
set(MRUN_INSTALL_LIBDIR ${CMAKE_INSTALL_LIBDIR})
include(${CMAKE_CURRENT_LIST_DIR}/mrunPlugin.cmake)

if(MRUN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "MRUN_FUZZ needs clang: -D CMAKE_C_COMPILER=clang -D CMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(MRUN_PRESET STREQUAL asan)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(MRUN_PRESET STREQUAL tsan)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

# Of files that are compiled together: what one hides of another's is no matter, nor a class of one's own that g++ takes for a
# header's.
add_library(mrun_warnings INTERFACE)
set(together $<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>)
target_compile_options(mrun_warnings INTERFACE -Wall -Wextra $<$<NOT:${together}>:-Wshadow>
  $<$<AND:${together},$<COMPILE_LANG_AND_ID:CXX,GNU>>:-Wno-subobject-linkage>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual> $<$<BOOL:${MRUN_WERROR}>:-Werror>)

# What the project's own programs take memory from, the library's hosts choose for themselves. Operations on small tensors take
# and free a dozen small blocks each, large tensors come and go: there it is quicker than the C library's malloc, and keeps pages
# that the kernel would have to clear again (core/README.md has the figures). A sanitizer brings its own.
add_library(mrun_allocator INTERFACE)
if(NOT MRUN_FUZZ AND NOT MRUN_PRESET MATCHES "^[at]san$")
  find_library(MRUN_TCMALLOC tcmalloc_minimal REQUIRED)
  target_link_libraries(mrun_allocator INTERFACE -Wl,--push-state,--no-as-needed ${MRUN_TCMALLOC} -Wl,--pop-state)
endif()

# mrun_compile_together(TARGET): some of its files at a time, so that they share the reading of their headers: a first build
# takes half of the time. A name within an unnamed namespace is then one file's of the target; tests/style sees to that, and
# that each file includes what it needs.
function(mrun_compile_together target)
  if(MRUN_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# What is installed: the command and the plugins, without tests and benchmarks.
add_custom_target(product)

# The public headers: hosts see all of them, plugins only the plugin ABI.
function(_mrun_link_headers name)
  set(dir ${CMAKE_BINARY_DIR}/include/${name}/mrun)
  file(MAKE_DIRECTORY ${dir})
  foreach(header ${ARGN})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/core/include/mrun/${header} ${dir}/${header} SYMBOLIC)
  endforeach()
  add_library(mrun_headers_${name} INTERFACE)
  target_include_directories(mrun_headers_${name} SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/include/${name})
endfunction()
_mrun_link_headers(plugin types.h plugin.h plugin.hpp plugin_kit.hpp plugin_backend.hpp file_kind.hpp message.hpp)
add_library(mrun::plugin ALIAS mrun_headers_plugin)
_mrun_link_headers(host types.h mrun.h mrun.hpp message.hpp)
_mrun_link_headers(core types.h plugin.h mrun.h file_kind.hpp message.hpp)

# mrun_core(NAME SOURCES ... LINK ...): the static library mrun_NAME of core/NAME, included as "NAME/file.h".
function(mrun_core name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  set(dir ${CMAKE_BINARY_DIR}/include/core_${name})
  file(MAKE_DIRECTORY ${dir})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${dir}/${name} SYMBOLIC)
  add_library(mrun_${name} STATIC ${ARG_SOURCES})
  target_include_directories(mrun_${name} PUBLIC ${dir})
  target_link_libraries(mrun_${name} PUBLIC mrun_headers_core ${ARG_LINK} PRIVATE mrun_warnings ${ARG_PRIVATE_LINK})
  mrun_compile_together(mrun_${name})
endfunction()

# mrun_soname(VARIABLE LIBRARY): the name that programs ask the loader for.
function(mrun_soname variable library)
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${library} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
  if(NOT dynamic MATCHES "SONAME +([^\n]+)")
    message(FATAL_ERROR "${library} has no soname")
  endif()
  set(${variable} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

# mrun_plugin(NAME ...): lib/mrun/plugins/NAME.so, with the arguments of mrun_add_plugin; part of the product.
function(mrun_plugin name)
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${MRUN_PLUGIN_DIR})
  mrun_add_plugin(${name} TARGET plugin_${name} ${ARGN})
  target_link_libraries(plugin_${name} PRIVATE mrun_warnings)
  add_dependencies(product plugin_${name})
  install(TARGETS plugin_${name} LIBRARY DESTINATION ${MRUN_INSTALL_LIBDIR}/mrun/plugins COMPONENT plugins)
  install(FILES ${MRUN_PLUGIN_DIR}/${name}.json DESTINATION ${MRUN_INSTALL_LIBDIR}/mrun/plugins COMPONENT plugins)
endfunction()

# mrun_test(NAME SOURCES ... LINK ...): a Catch2 program, each case a test of CTest.
function(mrun_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(NOT MRUN_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE mrun_catch mrun_warnings ${ARG_LINK})
  catch_discover_tests(${name} TEST_PREFIX "${name}: " DISCOVERY_MODE PRE_TEST)
endfunction()

# What a program without the sanitizer has to load before all else, so that a library with it can come in later; empty without one.
set(MRUN_SANITIZER_RUNTIME)
if(MRUN_PRESET MATCHES "^[at]san$")
  foreach(library ${MRUN_PRESET} stdc++)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=lib${library}.so OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(APPEND MRUN_SANITIZER_RUNTIME "${path} ")
  endforeach()
endif()

# mrun_test_script(NAME COMMAND...): a test written in another language, run from outside through the command.
function(mrun_test_script name)
  if(NOT MRUN_TESTS)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200
    ENVIRONMENT "MRUN=${CMAKE_BINARY_DIR}/bin/mrun;MRUN_SOURCE=${PROJECT_SOURCE_DIR};MRUN_BUILD=${CMAKE_BINARY_DIR};MRUN_PRESET=${MRUN_PRESET};MRUN_SANITIZER_RUNTIME=${MRUN_SANITIZER_RUNTIME}")
endfunction()

if(MRUN_TESTS)
  find_package(Catch2 REQUIRED)
  include(Catch)
  enable_testing()
  # The distribution's own Python: its packages are the oracles.
  find_program(MRUN_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
  add_library(mrun_catch STATIC ${PROJECT_SOURCE_DIR}/tests/catch_main.cpp)
  target_include_directories(mrun_catch SYSTEM PUBLIC ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(mrun_catch PUBLIC Catch2::Catch2)
endif()
