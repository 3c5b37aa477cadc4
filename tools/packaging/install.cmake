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
  INSTALL_DESTINATION ${cmake_folder} PATH_VARS MRUN_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/mrunConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mrunConfig.cmake ${PROJECT_BINARY_DIR}/packaging/mrunConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/tools/cmake/mrunPlugin.cmake ${PROJECT_SOURCE_DIR}/tools/cmake/embed.cmake
  ${PROJECT_SOURCE_DIR}/tools/cmake/plugin.map DESTINATION ${cmake_folder} COMPONENT dev)
# The way from the .pc file to the prefix: the tree may lie anywhere.
file(RELATIVE_PATH up /${MRUN_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${packaging}/mrun.pc.in ${PROJECT_BINARY_DIR}/packaging/mrun.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mrun.pc DESTINATION ${MRUN_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

install(TARGETS mrun_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
