// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace convoy::test {

// While the object lives, this process runs as a user that owns no file.
class UnprivilegedUser {
 public:
  UnprivilegedUser() : self_(::geteuid()) {
    if (self_ == 0) is_nobody_ = ::seteuid(65534) == 0;
  }
  ~UnprivilegedUser() { is_nobody_ = ::seteuid(self_) != 0; }
  UnprivilegedUser(const UnprivilegedUser&) = delete;
  UnprivilegedUser& operator=(const UnprivilegedUser&) = delete;

 private:
  uid_t self_;
  bool is_nobody_ = false;
};

}  // namespace convoy::test
