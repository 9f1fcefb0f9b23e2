// SPDX-License-Identifier: Apache-2.0
/// @file
/// The version of Convoy, and what users may rely on from one version to the next.
///
/// Versions are MAJOR.MINOR.PATCH.
///
/// - **API** (these headers): before 1.0 a new MINOR version may change it, and a new PATCH version
///   only adds to it. CMake's `find_package(convoy 0.1)` therefore accepts 0.1.x and no other.
/// - **ABI** (a shared library): the soname holds MAJOR and, before 1.0, MINOR: programs have to
///   be recompiled for it. Public classes hide their members behind one pointer; public structs
///   do not, so that programs can read and fill in their members directly.
/// - **Files**: each file and JSON document names its schema and that schema's number
///   (docs/formats.md). A version reads all files whose schema it names, or refuses them with one
///   message. It never guesses.
/// - **Results**: the weights of a run are a function of the model, the data, and the order version
///   (docs/determinism.md). A release that changes the order version says so in CHANGELOG.md, and
///   refuses to continue a run of another order version.
///
/// docs/api.md says more.
///
/// @code
/// static_assert(CONVOY_VERSION_MAJOR == 0);
/// std::printf("compiled for Convoy %s\n", CONVOY_VERSION_STRING);
/// @endcode
#pragma once

#include <string_view>

// The version is given only here: CMakeLists.txt reads these lines.
/// The first part of the version.
#define CONVOY_VERSION_MAJOR 0
/// The second part of the version.
#define CONVOY_VERSION_MINOR 1
/// The third part of the version.
#define CONVOY_VERSION_PATCH 0

/// @cond
#define CONVOY_TEXT_OF_VALUE(value) #value
#define CONVOY_TEXT_OF(value) CONVOY_TEXT_OF_VALUE(value)
/// @endcond

/// The version of these headers, "MAJOR.MINOR.PATCH".
#define CONVOY_VERSION_STRING          \
  CONVOY_TEXT_OF(CONVOY_VERSION_MAJOR) \
  "." CONVOY_TEXT_OF(CONVOY_VERSION_MINOR) "." CONVOY_TEXT_OF(CONVOY_VERSION_PATCH)

namespace convoy {

/// The version of the library that the program is linked with; it differs from
/// CONVOY_VERSION_STRING where a shared library was replaced after the program was compiled.
/// Thread-safe.
std::string_view version() noexcept;

}  // namespace convoy
