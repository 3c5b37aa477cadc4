# Run by cpack where the staged files lie, before it makes packages of them: what Debian wants otherwise than other systems.
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} key)
  set(package ${CPACK_DEBIAN_${key}_PACKAGE_NAME})
  set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr)
  set(doc ${root}/share/doc/${package})
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, where it is set
  file(WRITE ${doc}/changelog "${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
    "  * Version ${CPACK_PACKAGE_VERSION}.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  configure_file(${CMAKE_CURRENT_LIST_DIR}/copyright ${doc}/copyright COPYONLY)
  file(CHMOD ${doc}/changelog ${doc}/copyright PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  if(EXISTS ${root}/share/zsh)
    file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
  endif()
  file(REMOVE ${root}/share/doc/mrun/LICENSE) # the copyright file names it
  file(GLOB plain ${doc}/changelog ${root}/share/man/*/*)
  execute_process(COMMAND gzip -9nf ${plain} COMMAND_ERROR_IS_FATAL ANY)
  # The system's folders need no way from file to file.
  if(EXISTS ${root}/bin/mrun)
    file(RPATH_REMOVE FILE ${root}/bin/mrun)
  endif()
endforeach()
