# What `cmake --install BUILD --prefix ANYWHERE` puts where; the tree may be moved afterwards. Four components: library,
# dev, command, plugins.
include(CMakePackageConfigHelpers)
set(packaging ${CMAKE_CURRENT_LIST_DIR})
set(cmake_folder ${MRUN_INSTALL_LIBDIR}/cmake/mrun)

install(TARGETS mrun LIBRARY DESTINATION ${MRUN_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev)
if(TARGET mrun_worker) # where libmrun looks for it: beside the plugins
  install(TARGETS mrun_worker RUNTIME DESTINATION ${MRUN_INSTALL_LIBDIR}/mrun COMPONENT library)
endif()

file(GLOB headers ${PROJECT_SOURCE_DIR}/core/include/mrun/*)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mrun COMPONENT dev)
configure_package_config_file(${packaging}/mrunConfig.cmake.in ${PROJECT_BINARY_DIR}/packaging/mrunConfig.cmake
  INSTALL_DESTINATION ${cmake_folder} PATH_VARS MRUN_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/mrunConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mrunConfig.cmake ${PROJECT_BINARY_DIR}/packaging/mrunConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/tools/cmake/mrunPlugin.cmake ${PROJECT_SOURCE_DIR}/tools/cmake/embed.cmake
  ${PROJECT_SOURCE_DIR}/tools/cmake/plugin.map DESTINATION ${cmake_folder} COMPONENT dev)
# The way from the .pc file to the prefix: the tree may lie anywhere.
file(RELATIVE_PATH up /${MRUN_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${packaging}/mrun.pc.in ${PROJECT_BINARY_DIR}/packaging/mrun.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mrun.pc DESTINATION ${MRUN_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

install(TARGETS mrun_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
set(manual ${PROJECT_BINARY_DIR}/manual)
install(DIRECTORY ${manual}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT command)
install(FILES ${manual}/completion/mrun.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mrun
  COMPONENT command)
install(FILES ${manual}/completion/_mrun DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT command)
install(FILES ${manual}/completion/mrun.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT command)

# Pages of the other sections; @NAME_h@ in one is the text of core/include/mrun/NAME.h.
set(signs - ' ` ^ ~)
set(escapes "\\-" "\\(aq" "\\(ga" "\\(ha" "\\(ti")
foreach(name types mrun plugin)
  set(header ${PROJECT_SOURCE_DIR}/core/include/mrun/${name}.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(READ ${header} text)
  string(REPLACE "\\" "\\e" text "${text}")
  foreach(plain escaped IN ZIP_LISTS signs escapes)
    string(REPLACE "${plain}" "${escaped}" text "${text}")
  endforeach()
  string(REPLACE "\n." "\n\\&." ${name}_h "${text}")
endforeach()
foreach(page mrun.3 mrun-plugin.3 mrun-bundle.5)
  configure_file(${packaging}/man/${page}.in ${PROJECT_BINARY_DIR}/packaging/${page} @ONLY)
  string(REGEX MATCH "[0-9]$" section ${page})
  set(component dev)
  if(section EQUAL 5)
    set(component command)
  endif()
  install(FILES ${PROJECT_BINARY_DIR}/packaging/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
endforeach()

# The pages, where their links to each other hold.
file(GLOB_RECURSE pages RELATIVE ${PROJECT_SOURCE_DIR} core/*.md lua/*.md plugins/*.md tools/mrun/*.md)
foreach(page LICENSE README.md CHANGES.md ${pages})
  get_filename_component(folder ${page} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/${page} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mrun/${folder} COMPONENT command)
endforeach()

include(${packaging}/packages.cmake)
