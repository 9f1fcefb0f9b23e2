// SPDX-License-Identifier: Apache-2.0
// The content of a data file or of a member of an archive, read once from front to end. A reader of
// a format takes a Content, so it does not depend on where the bytes lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace convoy {

// Sizes and positions are those of the content, after decompression. Every member that reads throws
// Error(io) where the system cannot read, and UserError(bad_data) where the compressed data are
// damaged. Threads must not share an object.
class Content {
 public:
  // Messages call it `name`, and say `remedy` where it is damaged.
  Content(std::string name, std::string remedy);
  virtual ~Content() = default;
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  const std::string& name() const { return name_; }
  const std::string& remedy() const { return remedy_; }

  // The number of bytes. Where a header states `expected`, the result has been compared with the
  // bytes that are there, so a header alone never decides how much memory is allocated.
  virtual std::uint64_t size(std::optional<std::uint64_t> expected) const = 0;
  std::uint64_t size() const { return size(std::nullopt); }

  // Fills `out` as far as the content reaches, and returns the number of bytes; it is smaller than
  // `out` only at the end.
  virtual std::size_t read_some(std::span<std::uint8_t> out) = 0;

  // Fills `out`. `what` names the place in the error for content that ends too early.
  void read(std::span<std::uint8_t> out, std::string_view what);

  // Checks that the content ends here; throws where more follows or the end is damaged.
  virtual void expect_end();

  // Throws UserError(bad_data) with the name, the reason and the remedy (by default: that of the
  // constructor).
  [[noreturn]] void refuse(std::string_view problem, std::string_view why,
                           std::string_view remedy = "") const;

 protected:
  std::uint64_t position_ = 0;  // bytes of the content that read_some() has returned

 private:
  std::string name_, remedy_;
};

}  // namespace convoy
