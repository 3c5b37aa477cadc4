# What `cpack` makes of the install: -G TGZ a tarball that runs wherever it is unpacked, -G DEB the Debian packages libmrun1,
# libmrun-dev, mrun and mrun-plugins, one a component. tools/package calls it.
set(MRUN_MAINTAINER "The mrun developers <mrun@packages.invalid>" CACHE STRING "The packages' maintainer")
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # packages need what is installed, not the tests
set(library_package libmrun${PROJECT_VERSION_MAJOR})

set(CPACK_PACKAGE_NAME mrun)
set(CPACK_PACKAGE_CONTACT "${MRUN_MAINTAINER}")
set(CPACK_PACKAGE_FILE_NAME mrun-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each component's description begins with its own
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL library dev command plugins)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
# Whatever the umask with which the sources were cloned and are built.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${packaging}/debian.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SOURCE mrun)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${packaging}/triggers)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libmrun-dev)
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME mrun)
set(CPACK_DEBIAN_PLUGINS_PACKAGE_NAME mrun-plugins)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
# What no tool sees in the files: the same build's library, LuaJIT, which is opened at run time, and OpenBLAS, with which libtorch
# is many times as fast.
set(same "${library_package} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS libluajit-5.1-2)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_RECOMMENDS mrun-plugins)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${same}, libdlpack-dev")
set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "${same}")
set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS mrun-plugins)
set(CPACK_DEBIAN_PLUGINS_PACKAGE_DEPENDS "${same}, libopenblas0")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "models with their code in one file - library
The library behind mrun, which opens bundles and answers by them, and
the locked-up process in which it runs those of strangers.")
set(CPACK_COMPONENT_DEV_DESCRIPTION "models with their code in one file - development files
Headers, CMake package, pkg-config file and manual for programs that
use libmrun and for plugins.")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION "models with their code in one file - command
Answers by bundles, makes and inspects them: a model with its pre- and
post-processing, tokenizer, labels and examples in one file.")
set(CPACK_COMPONENT_PLUGINS_DESCRIPTION "models with their code in one file - plugins
What the scripts of a bundle may call: TorchScript models, images,
texts, sounds, and searches over models.")
include(CPack)
