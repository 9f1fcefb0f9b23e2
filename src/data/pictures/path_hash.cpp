// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/path_hash.hpp"

#include <openssl/evp.h>

#include <cstddef>
#include <new>

#include "base/check.hpp"

namespace convoy {
namespace {

void require(int ok, const char* call) {
  if (ok != 1) throw SystemError(Fault::internal, call, "SHA-256", "libcrypto refused");
}

}  // namespace

// The algorithm is chosen once, which takes longer than hashing a path does.
struct PathHash::Context {
  struct Free {
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
};

PathHash::PathHash() : context_(std::make_unique<Context>()) {
  if (!context_->evp) throw std::bad_alloc();
  require(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr), "EVP_DigestInit_ex");
}

PathHash::~PathHash() = default;

std::array<std::uint64_t, 2> PathHash::operator()(std::string_view text) {
  EVP_MD_CTX* evp = context_->evp.get();
  std::array<unsigned char, 32> digest{};
  require(EVP_DigestInit_ex(evp, nullptr, nullptr), "EVP_DigestInit_ex");
  require(EVP_DigestUpdate(evp, text.data(), text.size()), "EVP_DigestUpdate");
  require(EVP_DigestFinal_ex(evp, digest.data(), nullptr), "EVP_DigestFinal_ex");
  std::array<std::uint64_t, 2> numbers{};
  for (std::size_t i = 0; i < 16; ++i) numbers[i / 8] = numbers[i / 8] << 8 | digest[i];
  return numbers;
}

}  // namespace convoy
