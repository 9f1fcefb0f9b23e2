// SPDX-License-Identifier: Apache-2.0
// SHA-256, computed by OpenSSL's libcrypto.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/little_endian.hpp"

namespace convoy {

// Takes bytes, then returns their digest once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::byte> bytes);
  // Takes numbers with the lowest byte first, on every machine.
  template <class T>
  void update(std::span<const T> numbers) {
    update(LittleEndian<T>(numbers).bytes());
  }
  template <class T>
  void update_number(T number) {
    update(std::span<const T>(&number, 1));
  }
  std::string hex();  // 64 lower-case digits

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256(std::span<const std::byte> bytes);

}  // namespace convoy
