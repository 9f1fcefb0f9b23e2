// SPDX-License-Identifier: Apache-2.0
// The number of tries of a property, fewer where each try is slow (sanitizers) or where
// CONVOY_TEST_QUICK is set; and whether a sanitizer is active.
#pragma once

#include <algorithm>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONVOY_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONVOY_TEST_SANITIZED 1
#endif
#endif

namespace convoy::test {

// A sanitizer needs address space, memory, descriptors, threads and /proc for itself: a test that
// limits one of these is skipped where kSanitized is true.
#if defined(CONVOY_TEST_SANITIZED)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
inline constexpr const char* kSanitizersNeedIt = "a sanitizer needs what is taken away here";

// `full` tries, or a sixth of them under a sanitizer or where CONVOY_TEST_QUICK is set.
inline int rounds(int full) {
#if defined(CONVOY_TEST_SANITIZED) || !defined(__OPTIMIZE__)
  const bool quick = true;
#else
  const bool quick = std::getenv("CONVOY_TEST_QUICK") != nullptr;
#endif
  return quick ? std::max(1, full / 6) : full;
}

}  // namespace convoy::test
