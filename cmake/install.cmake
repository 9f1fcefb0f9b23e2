# SPDX-License-Identifier: Apache-2.0
# `cmake --install` installs the library for find_package(convoy) and pkg-config, the program with
# its manual pages, and the models.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/convoy)

install(TARGETS convoy EXPORT convoyTargets)
install(EXPORT convoyTargets NAMESPACE convoy:: DESTINATION ${package_dir})
configure_package_config_file(cmake/convoyConfig.cmake.in ${PROJECT_BINARY_DIR}/convoyConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/convoyConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/convoyConfig.cmake
              ${PROJECT_BINARY_DIR}/convoyConfigVersion.cmake cmake/FindWebP.cmake DESTINATION ${package_dir})

include(cmake/pkg_config.cmake)

# Only the headers of include/convoy are public.
install(DIRECTORY include/convoy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)

install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/convoy/models
        FILES_MATCHING PATTERN *.toml)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(CONVOY_BUILD_APPS)
  install(TARGETS convoy-program)
  if(NOT CMAKE_CROSSCOMPILING)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  endif()
  install(FILES apps/convoy/convoy.bash-completion RENAME convoy
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
