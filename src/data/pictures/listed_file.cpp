// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/listed_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <span>

#include "base/check.hpp"
#include "base/durable_file.hpp"
#include "base/safe_text.hpp"
#include "data/picture/decoder.hpp"
#include "data/picture/picture.hpp"

namespace convoy {

std::vector<std::uint8_t> read_listed_file(const Listing& listing, const ListedPicture& picture,
                                           const std::string& name) {
  if (picture.file.bytes > kMostPictureBytes) {
    refuse_picture(
        {{}, name},
        fmt::format("it has {} bytes; at most {} are read", picture.file.bytes, kMostPictureBytes),
        "make the picture smaller");
  }
  const InputFile file = open_input(listing.root / picture.path, "picture");
  struct stat facts {};
  if (::fstat(file.descriptor.get(), &facts) != 0)
    throw SystemError(Fault::io, "fstat", name, errno);
  if (version_of(facts) != picture.file) {
    throw UserError(Fault::io, fmt::format("cannot use {}", printable(name)),
                    "it changed after its folder was listed",
                    "try again when no program writes it");
  }
  std::vector<std::uint8_t> bytes(picture.file.bytes);
  read_at(file, 0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace convoy
