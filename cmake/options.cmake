# SPDX-License-Identifier: Apache-2.0
# The compiler options of everything in this project, as the target convoy_options (never exported).
add_library(convoy_options INTERFACE)
target_compile_features(convoy_options INTERFACE cxx_std_20)
target_compile_options(convoy_options INTERFACE
  # The compiler fuses no multiply-add that the source does not write as one, and rearranges no sum,
  # whatever flags the environment or a parent project gives (docs/determinism.md).
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off> $<$<COMPILE_LANGUAGE:CXX>:-fno-fast-math>
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow>"
  # gcc 12 warns of any "literal" + std::string (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651)
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${CONVOY_WARNINGS_AS_ERRORS}>>:-Werror>)

# convoy_link_privately(<library> <what it uses>...): users of a static library have to link what it
# uses, so it is exported, and convoyConfig.cmake finds it again; a shared library has linked it and
# exports nothing of it.
function(convoy_link_privately library)
  if(BUILD_SHARED_LIBS)
    target_link_libraries(${library} PRIVATE "$<BUILD_INTERFACE:${ARGN}>")
    target_link_options(${library} PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/convoy.map)
    set_target_properties(${library} PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/convoy.map
                                                INSTALL_RPATH $ORIGIN)
  else()
    target_link_libraries(${library} PRIVATE ${ARGN})
  endif()
endfunction()
