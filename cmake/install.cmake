# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: the library for find_package(convoy), the program, the models.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/convoy)

install(TARGETS convoy convoy_report EXPORT convoyTargets)
install(EXPORT convoyTargets NAMESPACE convoy:: DESTINATION ${package_dir})
configure_package_config_file(cmake/convoyConfig.cmake.in ${PROJECT_BINARY_DIR}/convoyConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/convoyConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/convoyConfig.cmake
              ${PROJECT_BINARY_DIR}/convoyConfigVersion.cmake DESTINATION ${package_dir})

# Public is what convoy.hpp reaches; found out while installing, so that it is never out of date.
install(CODE "set(convoy_sources \"${PROJECT_SOURCE_DIR}/src\")
              set(convoy_include_dir \"${CMAKE_INSTALL_INCLUDEDIR}\")")
install(SCRIPT cmake/install_headers.cmake)

install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/convoy/models
        FILES_MATCHING PATTERN *.toml)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(CONVOY_BUILD_APPS)
  install(TARGETS convoy-program)
  install(FILES apps/convoy/convoy.bash-completion RENAME convoy
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
