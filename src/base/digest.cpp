// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <array>
#include <new>

#include "base/check.hpp"

namespace convoy {
namespace {

void require(int ok, const char* call) {
  if (ok != 1) throw SystemError(Fault::internal, call, "SHA-256", "libcrypto refused");
}

}  // namespace

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
  bool taken = false;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (!context_->evp) throw std::bad_alloc();
  require(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr), "EVP_DigestInit_ex");
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  CONVOY_ASSERT(!context_->taken);
  require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()), "EVP_DigestUpdate");
}

std::string Sha256::hex() {
  CONVOY_ASSERT(!context_->taken);
  context_->taken = true;
  std::array<unsigned char, 32> digest{};
  require(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr), "EVP_DigestFinal_ex");
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string sha256(std::span<const std::byte> bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

}  // namespace convoy
