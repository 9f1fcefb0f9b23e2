# SPDX-License-Identifier: Apache-2.0
# Finds the libraries that decode pictures (src/data/picture), by CONVOY_PICTURES: AUTO takes those
# that are there, ON needs all of them, OFF takes none. CONVOY_PNG, CONVOY_JPEG and CONVOY_WEBP say which
# were taken, and convoy_picture_libraries lists their targets.
if(NOT CONVOY_PICTURES MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "CONVOY_PICTURES is ${CONVOY_PICTURES}: set it to AUTO, ON or OFF")
endif()
list(APPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)

set(convoy_picture_libraries "")
set(convoy_without "")
function(convoy_find_pictures format package target)
  set(found FALSE)
  if(CONVOY_PICTURES STREQUAL "ON")
    find_package(${package} REQUIRED)
  elseif(CONVOY_PICTURES STREQUAL "AUTO")
    find_package(${package} QUIET)
  endif()
  if(CONVOY_PICTURES AND ${package}_FOUND AND TARGET ${target})
    set(found TRUE)
  endif()
  # The rules of src/data/picture/jpeg.hpp are those of libjpeg-turbo; other libraries of that interface
  # decode otherwise.
  if(found AND package STREQUAL "JPEG")
    set(CMAKE_REQUIRED_LIBRARIES ${target})
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
    check_cxx_source_compiles("#include <cstdio>
      #include <jpeglib.h>
      #ifndef LIBJPEG_TURBO_VERSION_NUMBER
      #error another library
      #endif
      int main() {}" CONVOY_JPEG_IS_TURBO)
    if(NOT CONVOY_JPEG_IS_TURBO)
      set(found FALSE)
      if(CONVOY_PICTURES STREQUAL "ON")
        message(FATAL_ERROR "convoy: ${JPEG_INCLUDE_DIRS} has another libjpeg than libjpeg-turbo: install that")
      endif()
    endif()
  endif()
  set(CONVOY_${format} ${found} PARENT_SCOPE)
  if(found)
    set(convoy_picture_libraries ${convoy_picture_libraries} ${target} PARENT_SCOPE)
  elseif(CONVOY_PICTURES)
    set(convoy_without ${convoy_without} ${format} PARENT_SCOPE)
  endif()
endfunction()
include(CheckCXXSourceCompiles)
convoy_find_pictures(PNG PNG PNG::PNG)
convoy_find_pictures(JPEG JPEG JPEG::JPEG)
convoy_find_pictures(WEBP WebP WebP::webp)
if(convoy_without)
  list(JOIN convoy_without ", " convoy_without)
  message(STATUS "convoy: no library for pictures of the formats ${convoy_without} (docs/install.md); the "
          "program will say so when it meets one")
endif()
