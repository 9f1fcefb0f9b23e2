# SPDX-License-Identifier: Apache-2.0
# Installs the headers of the umbrella, of the report library, and all that they include.
cmake_policy(VERSION 3.22)
file(GLOB queue RELATIVE ${convoy_sources} ${convoy_sources}/convoy/convoy.hpp
     ${convoy_sources}/convoy/report/*.hpp)
set(public_headers ${queue})
while(queue)
  list(POP_FRONT queue header)
  file(STRINGS ${convoy_sources}/${header} includes REGEX "^#include \"convoy/.*\"")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^#include \"(.*)\".*" "\\1" include "${include}")
    if(NOT include IN_LIST public_headers)
      list(APPEND public_headers ${include})
      list(APPEND queue ${include})
    endif()
  endforeach()
endwhile()
foreach(header IN LISTS public_headers)
  get_filename_component(folder ${header} DIRECTORY)
  file(INSTALL ${convoy_sources}/${header}
       DESTINATION "${CMAKE_INSTALL_PREFIX}/${convoy_include_dir}/${folder}")
endforeach()
